<?php

declare(strict_types=1);

use RelayRunner\Laravel\Reset;

return [
    /*
     * The queue connection that a record belongs to: its name, or a map from ARN or queue to name. null: the SQS connection
     * whose prefix fits, else the default connection.
     */
    'connection' => null,

    /*
     * What `attempts()` counts. `cache`: runs, counted in a cache that all workers share. `receive_count`: deliveries, which
     * SQS also counts when a job did not run. `auto`: `cache`, unless the cache store is array, file or null.
     */
    'attempts' => 'auto',

    /* Cache store for attempts, remembered jobs and `queue:restart`; null is the default store. */
    'cache' => null,

    /*
     * Where a job goes that failed for good. `laravel`: the table failed_jobs. `queue`: the queue's own dead-letter policy.
     * `both`: the table, then the policy.
     */
    'failed' => 'laravel',

    /*
     * Handlers for bodies that Laravel did not write, by ARN, queue name or `*`: classes that implement
     * RelayRunner\Laravel\Contracts\HandlesRecord. Without one such a record fails, and is never acknowledged.
     */
    'foreign' => [],

    /* Seconds for which a done job's uuid is remembered, so that a second delivery does not run it again; null: not at all. */
    'dedupe' => null,

    /* A transaction that a job left open is rolled back. `roll_back`: with a warning; `fail`: the job fails, too; `off`: it stays. */
    'transactions' => 'roll_back',

    /* While the application is down (`artisan down`): `run` with one warning, or `retry` later. */
    'maintenance' => 'run',

    /* Classes that implement RelayRunner\Laravel\Contracts\Resets, run after each job. */
    'reset' => [
        Reset\Locale::class,
        Reset\QueryLog::class,
        Reset\ArrayCache::class,
        Reset\AuthGuards::class,
        Reset\Remembered::class,
    ],

    /* Writes one log line a job: name, uuid, queue, attempt, outcome, milliseconds. */
    'log_jobs' => true,
];
