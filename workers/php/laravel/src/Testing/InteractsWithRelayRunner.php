<?php

declare(strict_types=1);

namespace RelayRunner\Laravel\Testing;

use Illuminate\Queue\Queue;
use Illuminate\Queue\WorkerOptions;
use RelayRunner\Context;
use RelayRunner\Laravel\Worker;

/** For the tests of an application: runs a job in the way that it runs on the server, in this process. */
trait InteractsWithRelayRunner
{
    /**
     * Runs a job, or the body of any message, and returns how it ended. Uses `$this->app`.
     *
     * @param object|string $job a job, or a body as it lies in a queue
     * @param int $attempt the number of the run; where runs are counted in the cache, those of this body
     */
    protected function relay(object|string $job, int $attempt = 1, ?string $group = null, string $queue = 'default', int $tries = 1): RelayedResult
    {
        $body = is_string($job) ? $job : $this->bodyOf($job, $queue);
        $context = new Context([
            'kind' => 'record',
            'source' => 'relayrunner',
            'attempt' => $attempt,
            'record' => ['queue' => $queue, 'messageId' => 'test', 'attributes' => $group === null ? [] : ['MessageGroupId' => $group]],
        ]);
        $options = new WorkerOptions(maxTries: $tries, timeout: 0, memory: 0);
        return new RelayedResult($this->app->make(Worker::class)->handle($body, $context, $options));
    }

    private function bodyOf(object $job, string $queue): string
    {
        $maker = new class () extends Queue {
            public function body(object $job, string $queue): string
            {
                return $this->createPayload($job, $queue);
            }
        };
        $maker->setContainer($this->app);
        return $maker->body($job, $queue);
    }
}
