<?php

declare(strict_types=1);

namespace RelayRunner\Laravel\Queue;

use Illuminate\Contracts\Queue\Queue;
use Illuminate\Queue\Connectors\ConnectorInterface;
use RelayRunner\Rpc;

/** Opens connections of the driver `relayrunner`: `['driver' => 'relayrunner', 'queue' => 'default', 'rpc' => env('RR_RPC')]`. */
final class RelayRunnerConnector implements ConnectorInterface
{
    /** @param array<string, mixed> $config of the connection */
    public function connect(array $config): Queue
    {
        $address = $config['rpc'] ?? null;
        $rpc = is_string($address) && $address !== '' ? new Rpc($address) : Rpc::fromEnvironment();
        return new RelayRunnerQueue($rpc, $config['queue'] ?? 'default', $config['after_commit'] ?? null);
    }
}
