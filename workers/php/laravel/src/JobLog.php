<?php

declare(strict_types=1);

namespace RelayRunner\Laravel;

use RelayRunner\Laravel\Jobs\RelayedJob;
use RelayRunner\Laravel\Jobs\SqsRecordJob;
use RelayRunner\Worker as Server;

/** Writes one line for each job that ran. */
final class JobLog
{
    private int $startedNs = 0;

    public function __construct(private readonly bool $isOn)
    {
    }

    public function begin(RelayedJob|SqsRecordJob $job): void
    {
        $this->startedNs = hrtime(true);
        CurrentJob::set($job);
    }

    /** @param string $outcome `done`, `released`, `failed`, or what else there is to say */
    public function end(RelayedJob|SqsRecordJob $job, string $outcome): void
    {
        if ($this->isOn) {
            $took = ['ms' => round((hrtime(true) - $this->startedNs) / 1e6, 1)];
            $wait = $outcome === 'released' ? ['after_s' => $job->releaseSeconds()] : [];
            Server::log('info', "queue.job $outcome", CurrentJob::fields($job) + $took + $wait);
        }
        CurrentJob::set(null);
    }

    /** Writes a line about a job, whether or not the lines of jobs are on. */
    public function line(string $level, RelayedJob|SqsRecordJob $job, string $text): void
    {
        Server::log($level, $job->resolveName() . " $text", CurrentJob::fields($job));
    }
}
