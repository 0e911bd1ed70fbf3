<?php

declare(strict_types=1);

namespace RelayRunner\Laravel\Queue;

use Illuminate\Contracts\Queue\Queue as QueueContract;
use Illuminate\Queue\Queue;
use RelayRunner\Jobs;
use RelayRunner\Rpc;

/** Dispatches jobs into the pipelines of a running server. It is the server that hands them to workers, so nothing is popped here. */
final class RelayRunnerQueue extends Queue implements QueueContract
{
    private readonly Jobs $jobs;

    /** @param ?bool $dispatchAfterCommit whether jobs wait for the end of open transactions */
    public function __construct(private readonly Rpc $rpc, private readonly string $default, ?bool $dispatchAfterCommit = null)
    {
        $this->dispatchAfterCommit = $dispatchAfterCommit;
        $this->jobs = new Jobs($rpc);
    }

    /** Number of jobs that wait, are delayed, or run. */
    public function size($queue = null)
    {
        return $this->pendingSize($queue) + $this->delayedSize($queue) + $this->reservedSize($queue);
    }

    public function pendingSize($queue = null)
    {
        return $this->number($queue, 'active');
    }

    public function delayedSize($queue = null)
    {
        return $this->number($queue, 'delayed');
    }

    public function reservedSize($queue = null)
    {
        return $this->number($queue, 'reserved');
    }

    /** Unix time in seconds of the oldest waiting job; null where there is none, or the driver cannot know. */
    public function creationTimeOfOldestPendingJob($queue = null)
    {
        $ageMs = $this->state($queue)['oldest_ms'] ?? null;
        return $ageMs === null ? null : (int) (microtime(true) - $ageMs / 1000);
    }

    public function push($job, $data = '', $queue = null)
    {
        return $this->dispatch($job, $data, $queue, 0);
    }

    /** @param \DateTimeInterface|\DateInterval|int $delay of any length */
    public function later($delay, $job, $data = '', $queue = null)
    {
        return $this->dispatch($job, $data, $queue, $delay);
    }

    /** @param array<string, mixed> $options `delay` in seconds, `priority`, `group`, `job` (the class) */
    public function pushRaw($payload, $queue = null, array $options = [])
    {
        return $this->jobs->push($queue ?? $this->default, ...$this->entry($payload, $options));
    }

    /** Pushes many jobs in one call. Those that wait for a transaction go one by one when it ends. */
    public function bulk($jobs, $data = '', $queue = null)
    {
        $entries = [];
        foreach ((array) $jobs as $job) {
            $delay = is_object($job) ? ($job->delay ?? 0) : 0;
            if ($this->shouldDispatchAfterCommit($job) && $this->container->bound('db.transactions')) {
                $this->dispatch($job, $data, $queue, $delay);
                continue;
            }
            $payload = $this->createPayload($job, $queue ?? $this->default, $data);
            $entries[] = [$job, $this->entry($payload, $this->optionsOf($job, $delay))];
        }
        $ids = $this->jobs->pushMany($queue ?? $this->default, array_column($entries, 1));
        foreach ($entries as $at => [$job, $entry]) {
            $this->told($job, $ids[$at], $entry, $queue);
        }
    }

    /** Always null: workers are handed their jobs by the server (`relayrunner:work`, not `queue:work`). */
    public function pop($queue = null)
    {
        return null;
    }

    /** Adds what tools that know Horizon's payloads look for. */
    protected function createPayloadArray($job, $queue, $data = '', ...$more)
    {
        return parent::createPayloadArray($job, $queue, $data, ...$more) + Tags::of($job);
    }

    private function dispatch(mixed $job, mixed $data, ?string $queue, mixed $delay): mixed
    {
        return $this->enqueueUsing(
            $job,
            $this->createPayload($job, $queue ?? $this->default, $data),
            $queue,
            $delay,
            fn ($payload, $queue, $delay = 0) => $this->pushRaw($payload, $queue, $this->optionsOf($job, $delay)),
        );
    }

    /** @return array<string, mixed> */
    private function optionsOf(mixed $job, mixed $delay): array
    {
        $isObject = is_object($job);
        return [
            'delay' => $delay === null ? 0 : $this->secondsUntil($delay),
            'priority' => $isObject ? (int) ($job->priority ?? 0) : 0,
            'group' => $isObject ? ($job->messageGroup ?? null) : null,
            'job' => $isObject ? $job::class : (string) $job,
        ];
    }

    /** @param array<string, mixed> $options @return array<string, mixed> arguments of Jobs::push by name */
    private function entry(string $payload, array $options): array
    {
        $known = json_decode($payload, true);
        return [
            'body' => $payload,
            'job' => $options['job'] ?? $known['displayName'] ?? 'job',
            'id' => $known['uuid'] ?? null,
            'headers' => ($options['group'] ?? null) === null ? [] : ['rr-group' => (string) $options['group']],
            'delayMs' => max(0, (int) ($options['delay'] ?? 0)) * 1000,
            'priority' => (int) ($options['priority'] ?? 0),
        ];
    }

    /** @param array<string, mixed> $entry */
    private function told(mixed $job, string $id, array $entry, ?string $queue): void
    {
        $method = new \ReflectionMethod($this, 'raiseJobQueuedEvent');
        // Its parameters grew from (id, job) over (id, job, payload) to (queue, id, job, payload, delay).
        $arguments = match ($method->getNumberOfParameters()) {
            2 => [$id, $job],
            3 => [$id, $job, $entry['body']],
            default => [$queue, $id, $job, $entry['body'], intdiv($entry['delayMs'], 1000)],
        };
        $this->raiseJobQueuedEvent(...$arguments);
    }

    private function number(?string $queue, string $key): int
    {
        return (int) ($this->state($queue)[$key] ?? 0);
    }

    /** @return array<string, mixed> of the queue's pipeline */
    private function state(?string $queue): array
    {
        $name = $queue ?? $this->default;
        foreach ($this->rpc->call('jobs.States', (object) [])['pipelines'] ?? [] as $state) {
            if ($state['pipeline'] === $name) {
                return $state;
            }
        }
        throw new \InvalidArgumentException("the server has no pipeline \"$name\"");
    }
}
