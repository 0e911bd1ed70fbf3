<?php

declare(strict_types=1);

namespace RelayRunner\Symfony\Transport;

use RelayRunner\Rpc;
use RelayRunner\Symfony\Inbox;
use Symfony\Component\Messenger\Transport\Serialization\SerializerInterface;
use Symfony\Component\Messenger\Transport\TransportFactoryInterface;
use Symfony\Component\Messenger\Transport\TransportInterface;

/**
 * Makes transports of `relayrunner://PIPELINE`. The server's address is the option `rpc` (`unix://…`, `tcp://…`: `rpc.listen` of `rr.yaml`), else
 * the environment's `RR_RPC`, which every worker has.
 */
final class RelayRunnerTransportFactory implements TransportFactoryInterface
{
    public function __construct(private readonly Inbox $inbox)
    {
    }

    /** @param array<string, mixed> $options of the transport in messenger.yaml */
    public function createTransport(string $dsn, array $options, SerializerInterface $serializer): TransportInterface
    {
        $parts = parse_url($dsn);
        $queue = $parts === false ? '' : (string) ($parts['host'] ?? '');
        $rpc = $options['rpc'] ?? (getenv('RR_RPC') ?: ($_ENV['RR_RPC'] ?? ''));
        return new RelayRunnerTransport(new Rpc((string) $rpc), $queue === '' ? 'default' : $queue, $serializer, $this->inbox);
    }

    public function supports(string $dsn, array $options): bool
    {
        return str_starts_with($dsn, 'relayrunner://');
    }
}
