<?php

declare(strict_types=1);

namespace RelayRunner\Laravel\Jobs;

use Aws\Sqs\SqsClient;
use Illuminate\Contracts\Foundation\Application;
use Illuminate\Queue\SqsQueue;
use RelayRunner\Context;

/** Makes Laravel's job of what the server sends. */
final class JobFactory
{
    public function __construct(private readonly Application $app, private readonly Origins $origins)
    {
    }

    /** Returns the job, or null where Laravel did not write the body. */
    public function make(string $body, Context $context): RelayedJob|SqsRecordJob|null
    {
        [$connection, $queue] = $this->origins->of($context);
        $job = $this->onSqs($body, $context, $connection, $queue)
            ?? new RelayedJob($this->app, $body, $context, $connection, $queue);
        $payload = json_decode($job->getRawBody(), true);
        return is_array($payload) && is_string($payload['job'] ?? null) && array_key_exists('data', $payload) ? $job : null;
    }

    private function onSqs(string $body, Context $context, string $connection, string $queue): ?SqsRecordJob
    {
        $settings = $this->app->make('config')->get("queue.connections.$connection", []);
        if ($context->source() !== 'aws:sqs' || ($settings['driver'] ?? null) !== 'sqs' || !class_exists(SqsClient::class)) {
            return null;
        }
        $sqs = $this->app->make('queue')->connection($connection);
        // A connection that somebody replaced, as Queue::fake() does, has no client.
        if (!$sqs instanceof SqsQueue) {
            return null;
        }
        $overflow = $settings['overflow'] ?? [];
        return new SqsRecordJob($this->app, $sqs->getSqs(), $body, $context, $connection, $queue, is_array($overflow) ? $overflow : []);
    }
}
