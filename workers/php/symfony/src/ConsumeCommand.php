<?php

declare(strict_types=1);

namespace RelayRunner\Symfony;

use Psr\Container\ContainerInterface;
use RelayRunner\Symfony\Transport\RelayRunnerTransport;
use Symfony\Component\Console\Command\Command;
use Symfony\Component\Console\Input\InputArgument;
use Symfony\Component\Console\Input\InputInterface;
use Symfony\Component\Console\Input\InputOption;
use Symfony\Component\Console\Output\OutputInterface;
use Symfony\Component\EventDispatcher\EventDispatcherInterface;
use Symfony\Component\Messenger\EventListener\StopWorkerOnMemoryLimitListener;
use Symfony\Component\Messenger\EventListener\StopWorkerOnMessageLimitListener;
use Symfony\Component\Messenger\Transport\Serialization\SerializerInterface;

/** `relayrunner:consume [TRANSPORT]`: the worker that the server starts. */
final class ConsumeCommand extends Command
{
    /** @param list<string> $transports names of Messenger's transports */
    public function __construct(
        private readonly Consumer $consumer,
        private readonly ContainerInterface $receivers,
        private readonly SerializerInterface $serializer,
        private readonly EventDispatcherInterface $events,
        private readonly array $transports = [],
    ) {
        parent::__construct('relayrunner:consume');
    }

    protected function configure(): void
    {
        $this->setDescription('Handle the messages that RelayRunner sends (started by the server)');
        $this->addArgument('transport', InputArgument::OPTIONAL, 'Transport whose name, serializer and retry strategy apply', '');
        $this->addOption('limit', null, InputOption::VALUE_REQUIRED, 'Messages after which the worker leaves', '0');
        $this->addOption('memory-limit', null, InputOption::VALUE_REQUIRED, 'Megabytes after which the worker leaves', '0');
        $this->addOption('no-reset', null, InputOption::VALUE_NONE, 'Do not reset services after each message');
    }

    protected function execute(InputInterface $input, OutputInterface $output): int
    {
        if (getenv('RR_RELAY') === false) {
            $output->writeln('<error>relayrunner:consume is started by the server: no RR_RELAY is set.</error>');
            $output->writeln('Start the server: npx relayrunner serve');
            return 1;
        }
        $name = (string) $input->getArgument('transport') ?: ($this->ownTransport() ?? 'relayrunner');
        $receiver = $this->receivers->has($name) ? $this->receivers->get($name) : null;
        $limit = (int) $input->getOption('limit');
        $memory = (int) $input->getOption('memory-limit');
        if ($input->getOption('no-reset')) {
            $this->consumer->keepServices();
        }
        if ($limit > 0) {
            $this->events->addSubscriber(new StopWorkerOnMessageLimitListener($limit));
        }
        if ($memory > 0) {
            $this->events->addSubscriber(new StopWorkerOnMemoryLimitListener($memory * 1024 * 1024));
        }
        $this->consumer->serve($name, $receiver instanceof RelayRunnerTransport ? $receiver->serializer() : $this->serializer);
        return 0;
    }

    /** The first transport of ours, whose retries are left to the server. */
    private function ownTransport(): ?string
    {
        foreach ($this->transports as $name) {
            if ($this->receivers->has($name) && $this->receivers->get($name) instanceof RelayRunnerTransport) {
                return $name;
            }
        }
        return null;
    }
}
