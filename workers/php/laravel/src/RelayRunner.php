<?php

declare(strict_types=1);

namespace RelayRunner\Laravel;

use RelayRunner\Context;
use RelayRunner\Verdict;
use RelayRunner\Worker as Server;

/** What a running job may ask of the server. Behind the facade of the same name. */
final class RelayRunner
{
    /** Context of the running job; null outside one. */
    public function context(): ?Context
    {
        return CurrentJob::get()?->context();
    }

    /** Milliseconds that the running job has until Lambda's deadline; PHP_INT_MAX without one. */
    public function remainingMs(): int
    {
        return CurrentJob::get()?->remainingMs() ?? PHP_INT_MAX;
    }

    /** Ends the running job at once: it comes again after that many seconds. */
    public function retry(int $seconds = 0, string $reason = 'the job asked for another try'): never
    {
        throw Verdict::retry($reason, $seconds * 1000);
    }

    /** Writes one line to the server's log, with the running job's name. */
    public function log(string $level, string $message, array $fields = []): void
    {
        Server::log($level, $message, $fields + CurrentJob::fields());
    }
}
