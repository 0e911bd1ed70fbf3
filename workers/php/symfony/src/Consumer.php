<?php

declare(strict_types=1);

namespace RelayRunner\Symfony;

use Psr\Container\ContainerInterface;
use Psr\Log\LoggerInterface;
use RelayRunner\Context;
use RelayRunner\Leaks;
use RelayRunner\Reply;
use RelayRunner\Verdict;
use RelayRunner\Worker as Server;
use Symfony\Component\EventDispatcher\EventDispatcherInterface;
use Symfony\Component\Messenger\Event\WorkerMessageFailedEvent;
use Symfony\Component\Messenger\Exception\HandlerFailedException;
use Symfony\Component\Messenger\Exception\MessageDecodingFailedException;
use Symfony\Component\Messenger\MessageBusInterface;
use Symfony\Component\Messenger\Transport\Serialization\SerializerInterface;
use Symfony\Component\Messenger\Worker;
use Symfony\Contracts\Service\ResetInterface;

/** Feeds one worker of Messenger for ever with what the server sends, and makes the answers of what it did. */
final class Consumer
{
    private ?\Fiber $fiber = null;
    private ?Worker $worker = null;
    private ?WorkerMessageFailedEvent $failure = null;

    /** @param ?ContainerInterface $failureSenders Messenger's senders of failure transports, by the name of the transport that failed */
    public function __construct(
        private readonly Inbox $inbox,
        private readonly MessageBusInterface $bus,
        private readonly EventDispatcherInterface $events,
        private readonly ?LoggerInterface $logger = null,
        private readonly ?ContainerInterface $failureSenders = null,
        private readonly ?object $doctrine = null,
        private ?ResetInterface $services = null,
    ) {
        $this->events->addListener(
            WorkerMessageFailedEvent::class,
            fn (WorkerMessageFailedEvent $event) => $this->failure = $event,
            -1000,
        );
    }

    /** Leaves services as a message left them; without it they are reset after each one. */
    public function keepServices(): void
    {
        $this->services = null;
    }

    /** Serves messages until the server says stop or goes. They are received under the name of a transport. */
    public function serve(string $transport, SerializerInterface $serializer): void
    {
        $this->start($transport);
        $this->leaveBySigterm();
        Server::serve(fn (string $body, Context $context) => $this->handle($body, $context, $transport, $serializer));
        $this->end();
    }

    /** Ends the worker behind one more, empty turn: WorkerStoppedEvent is for those who clean up. */
    private function end(): void
    {
        if ($this->fiber?->isSuspended()) {
            $this->worker?->stop();
            $this->fiber->resume();
        }
    }

    /**
     * Messenger's own listener of SIGTERM only tells its worker to stop, which one that waits for a message would never notice. An idle
     * worker ends at once; a busy one leaves with its answer.
     */
    private function leaveBySigterm(): void
    {
        if (!function_exists('pcntl_signal')) {
            return;
        }
        pcntl_async_signals(true);
        $leave = function (): void {
            $this->worker?->stop();
            if (Server::context() === null) {
                $this->end();
                exit(0);
            }
        };
        // Without a restart of system calls: the one that waits for a message has to return.
        pcntl_signal(SIGTERM, $leave, false);
    }

    /** Handles one message; returns the answer. */
    public function handle(string $body, Context $context, string $transport, SerializerInterface $serializer): Verdict|Reply|null
    {
        if ($this->fiber === null) {
            $this->start($transport);
        }
        try {
            $envelope = RecordDecoder::decode($body, $context, $serializer);
        } catch (MessageDecodingFailedException $error) {
            // No further try will read it. Symfony's own receivers delete such a message.
            return Verdict::fail("Messenger cannot decode the message: {$error->getMessage()}");
        }
        Leaks::name($envelope->getMessage()::class);
        $this->failure = null;
        $this->inbox->put($envelope);
        try {
            $this->fiber->resume();
            $answer = $this->answer($transport);
        } catch (\Throwable $error) {
            // A listener threw: the failure transport is down, for one. The message must not be lost with it.
            $this->logger?->critical('The worker of Messenger ended: {error}', ['error' => $error->getMessage(), 'exception' => $error]);
            $answer = Verdict::retry(self::reason($error));
        } finally {
            $this->inbox->close();
            $this->endTransactions();
            $this->services?->reset();
        }
        return $this->fiber->isTerminated() ? ($answer ?? new Reply())->thenLeave() : $answer;
    }

    private function start(string $transport): void
    {
        $this->worker = new Worker([$transport => $this->inbox], $this->bus, $this->events, $this->logger);
        $this->fiber = new \Fiber(fn () => $this->worker->run(['sleep' => 0]));
        $this->fiber->start();
    }

    private function answer(string $transport): ?Verdict
    {
        if ($this->inbox->isAcknowledged()) {
            return null;
        }
        $reason = $this->failure === null ? 'a listener kept the message from its handlers' : self::reason($this->failure->getThrowable());
        if ($this->inbox->retryMs() !== null) {
            return Verdict::retry($reason, $this->inbox->retryMs());
        }
        if (!$this->inbox->isRejected()) {
            return Verdict::retry($reason);
        }
        // Sent back to its own transport, or to the failure transport: that has succeeded, or it would have thrown.
        $isSent = $this->failure?->willRetry() || $this->failureSenders?->has($transport);
        return $isSent ? null : Verdict::fail($reason);
    }

    /** A transaction that a handler left open would swallow the messages behind it. */
    private function endTransactions(): void
    {
        foreach ($this->doctrine?->getConnections() ?? [] as $name => $connection) {
            if ($connection->isTransactionActive()) {
                $connection->close();
                Leaks::note("open transactions: rolled back on $name");
                Server::log('warn', "a message left a transaction open on \"$name\", which was rolled back");
            }
        }
    }

    private static function reason(\Throwable $error): string
    {
        if ($error instanceof HandlerFailedException) {
            $inner = method_exists($error, 'getWrappedExceptions') ? $error->getWrappedExceptions() : $error->getNestedExceptions();
            $error = array_values($inner)[0] ?? $error;
        }
        return $error::class . ": {$error->getMessage()}";
    }
}
