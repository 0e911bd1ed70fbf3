<?php

declare(strict_types=1);

namespace RelayRunner\Symfony;

use RelayRunner\Symfony\Transport\RelayRunnerTransportFactory;
use Symfony\Component\DependencyInjection\Compiler\CompilerPassInterface;
use Symfony\Component\DependencyInjection\Compiler\PassConfig;
use Symfony\Component\DependencyInjection\ContainerBuilder;
use Symfony\Component\DependencyInjection\ContainerInterface;
use Symfony\Component\DependencyInjection\Reference;
use Symfony\Component\HttpKernel\Bundle\Bundle;

/** Brings the transport `relayrunner://` and the command `relayrunner:consume` into an application. */
final class RelayRunnerBundle extends Bundle implements CompilerPassInterface
{
    public function build(ContainerBuilder $container): void
    {
        $container->register(Inbox::class, Inbox::class);
        $container->register(RelayRunnerTransportFactory::class, RelayRunnerTransportFactory::class)
            ->setArguments([new Reference(Inbox::class)])
            ->addTag('messenger.transport_factory');
        // Behind MessengerPass, which collects the receivers.
        $container->addCompilerPass($this, PassConfig::TYPE_BEFORE_OPTIMIZATION, -100);
    }

    public function process(ContainerBuilder $container): void
    {
        if (!$container->has('messenger.receiver_locator')) {
            return;
        }
        $ifThere = static fn (string $id) => new Reference($id, ContainerInterface::NULL_ON_INVALID_REFERENCE);
        $failures = 'messenger.failure.send_failed_message_to_failure_transport_listener';
        $senders = $container->hasDefinition($failures) ? $container->getDefinition($failures)->getArgument(0) : null;
        $container->register(Consumer::class, Consumer::class)->setArguments([
            new Reference(Inbox::class),
            new Reference('messenger.routable_message_bus'),
            new Reference('event_dispatcher'),
            $ifThere('logger'),
            $senders,
            $ifThere('doctrine'),
            $ifThere('services_resetter'),
        ]);
        $names = $container->hasDefinition('console.command.messenger_consume_messages')
            ? $container->getDefinition('console.command.messenger_consume_messages')->getArgument(4)
            : [];
        $container->register(ConsumeCommand::class, ConsumeCommand::class)->setArguments([
            new Reference(Consumer::class),
            new Reference('messenger.receiver_locator'),
            new Reference('messenger.default_serializer'),
            new Reference('event_dispatcher'),
            is_array($names) ? $names : [],
        ])->addTag('console.command');
    }
}
