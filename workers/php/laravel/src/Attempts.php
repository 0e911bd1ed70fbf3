<?php

declare(strict_types=1);

namespace RelayRunner\Laravel;

use Illuminate\Contracts\Cache\Repository as Cache;
use RelayRunner\Laravel\Jobs\RelayedJob;
use RelayRunner\Laravel\Jobs\SqsRecordJob;

/**
 * Counts the runs of a job in a cache that all workers share. A queue's own count of deliveries rises without a run, too: a FIFO group that
 * stopped, a deadline, a throttled function. A job would fail as attempted too often that never ran.
 */
final class Attempts
{
    private const DAYS = 14;

    public function __construct(private readonly ?Cache $cache)
    {
    }

    /** Counts this run, and tells the job its number. */
    public function begin(RelayedJob|SqsRecordJob $job): void
    {
        $uuid = $job->uuid();
        $delivered = max(1, $job->context()->attempt() ?? 1);
        if (!$this->counts($job)) {
            $job->setAttempts($delivered);
            return;
        }
        $this->cache->add(self::key($uuid), 0, self::DAYS * 86400);
        $job->setAttempts((int) $this->cache->increment(self::key($uuid)));
    }

    /** Forgets a job that is over. */
    public function end(RelayedJob|SqsRecordJob $job): void
    {
        $uuid = $job->uuid();
        if ($this->counts($job)) {
            $this->cache->forget(self::key($uuid));
        }
    }

    /** True when runs of this job are counted in the cache. A queue of the server's own counts runs itself. */
    private function counts(RelayedJob|SqsRecordJob $job): bool
    {
        return $this->cache !== null && $job->uuid() !== null && $job->context()->get('awsRequestId') !== null;
    }

    private static function key(string $uuid): string
    {
        return "relayrunner:attempts:$uuid";
    }
}
