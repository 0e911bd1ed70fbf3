<?php

declare(strict_types=1);

namespace RelayRunner\Laravel;

use RelayRunner\Laravel\Jobs\RelayedJob;
use RelayRunner\Laravel\Jobs\SqsRecordJob;

/** The job that runs now: for log lines and the facade. */
final class CurrentJob
{
    private static RelayedJob|SqsRecordJob|null $job = null;

    public static function set(RelayedJob|SqsRecordJob|null $job): void
    {
        self::$job = $job;
    }

    public static function get(): RelayedJob|SqsRecordJob|null
    {
        return self::$job;
    }

    /** @return array<string, mixed> fields of a log line; none without a job */
    public static function fields(RelayedJob|SqsRecordJob|null $job = null): array
    {
        $job ??= self::$job;
        if ($job === null) {
            return [];
        }
        return ['job_class' => $job->resolveName(), 'job_uuid' => $job->uuid(), 'queue' => $job->getQueue(), 'attempt' => $job->attempts()];
    }
}
