<?php

declare(strict_types=1);

namespace RelayRunner\Laravel;

use Illuminate\Contracts\Config\Repository as Config;
use Illuminate\Contracts\Events\Dispatcher;
use RelayRunner\Rpc;
use RelayRunner\Worker as Server;

/**
 * Passes `queue:pause` and `queue:resume` (Laravel 12 and later) on to the server, which then takes nothing more from the pipelines of that
 * queue. Laravel's own mark in the cache is for workers that poll; those here are handed their jobs.
 */
final class PausedQueues
{
    private const EVENTS = 'Illuminate\Queue\Events\\';

    /** Drivers of pipelines by the driver of Laravel's connection. */
    private const DRIVERS = ['redis' => 'laravel-redis', 'database' => 'laravel-database', 'beanstalkd' => 'beanstalk', 'rabbitmq' => 'amqp'];

    /** @param \Closure(string $address): Rpc $connect */
    public function __construct(private readonly Config $config, private readonly ?\Closure $connect = null)
    {
    }

    /** Listens by names: older versions do not have these events. */
    public function listen(Dispatcher $events): void
    {
        $events->listen(self::EVENTS . 'QueuePaused', fn (object $event) => $this->pause($event->connection, $event->queue, $event->ttl ?? null));
        $events->listen(self::EVENTS . 'QueueResumed', fn (object $event) => $this->tell('jobs.Resume', $event->connection, $event->queue));
        $events->listen(self::EVENTS . 'QueuesPaused', fn () => $this->tell('jobs.Pause', null, null));
        $events->listen(self::EVENTS . 'QueuesResumed', fn () => $this->tell('jobs.Resume', null, null));
    }

    private function pause(string $connection, string $queue, mixed $ttl): void
    {
        if ($ttl !== null) {
            Server::log('warn', 'the server knows no pause that ends by itself: it pauses until queue:resume', ['queue' => $queue]);
        }
        if ($this->driverOf($connection) === 'sqs') {
            Server::log('warn', 'a queue that Lambda reads cannot be paused here: disable its event source mapping', ['queue' => $queue]);
        }
        $this->tell('jobs.Pause', $connection, $queue);
    }

    /** Without a connection, all pipelines are meant. A server that cannot be reached is one warning: the command has done its own part. */
    private function tell(string $method, ?string $connection, ?string $queue): void
    {
        $address = $this->address();
        if ($address === null) {
            return;
        }
        try {
            $rpc = $this->connect === null ? new Rpc($address) : ($this->connect)($address);
            $names = [];
            foreach ($rpc->call('jobs.States', (object) [])['pipelines'] ?? [] as $state) {
                if ($connection === null || $this->isMeant($state, $connection, (string) $queue)) {
                    $names[] = $state['pipeline'];
                }
            }
            if ($names !== []) {
                $rpc->call($method, ['pipelines' => $names]);
            }
        } catch (\Throwable $error) {
            Server::log('warn', "$method could not be told to the server", ['error' => $error->getMessage(), 'rpc' => $address]);
        }
    }

    /** @param array<string, mixed> $state of a pipeline */
    private function isMeant(array $state, string $connection, string $queue): bool
    {
        $driver = $this->driverOf($connection);
        return $driver === 'relayrunner'
            ? $state['pipeline'] === $queue
            : $state['driver'] === (self::DRIVERS[$driver] ?? $driver) && basename((string) $state['queue']) === $queue;
    }

    private function driverOf(string $connection): string
    {
        return (string) $this->config->get("queue.connections.$connection.driver");
    }

    /** Address of the server: that of a connection of the driver `relayrunner`, else RR_RPC. */
    private function address(): ?string
    {
        foreach ((array) $this->config->get('queue.connections', []) as $settings) {
            if (($settings['driver'] ?? null) === 'relayrunner' && is_string($settings['rpc'] ?? null) && $settings['rpc'] !== '') {
                return $settings['rpc'];
            }
        }
        return getenv('RR_RPC') ?: null;
    }
}
