<?php

declare(strict_types=1);

namespace RelayRunner\Laravel\Jobs;

use Illuminate\Container\Container;
use Illuminate\Contracts\Queue\Job as JobContract;
use Illuminate\Queue\Jobs\Job;
use RelayRunner\Context;

/** A job of any queue but SQS: a queue of the server's own, or one that Lambda reads. */
final class RelayedJob extends Job implements JobContract
{
    use SettledByServer;

    public function __construct(
        Container $container,
        private readonly string $body,
        Context $context,
        string $connectionName,
        string $queue,
    ) {
        $this->container = $container;
        $this->context = $context;
        $this->connectionName = $connectionName;
        $this->queue = $queue;
    }

    public function getJobId(): string
    {
        return $this->context->messageId() ?? (string) ($this->record()['id'] ?? $this->uuid() ?? '');
    }

    public function getRawBody(): string
    {
        return $this->body;
    }
}
