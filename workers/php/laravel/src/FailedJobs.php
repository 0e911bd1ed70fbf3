<?php

declare(strict_types=1);

namespace RelayRunner\Laravel;

use Illuminate\Contracts\Foundation\Application;
use Illuminate\Database\QueryException;
use Illuminate\Queue\Events\JobFailed;

/** Writes failed jobs to the application's table of them. A job is acknowledged only when its row is there. */
final class FailedJobs
{
    /** @var list<JobFailed> */
    private array $unwritten = [];

    public function __construct(private readonly Application $app)
    {
    }

    /** Hears of a failed job. Its row is written once no transaction of the job can take it back. */
    public function hear(JobFailed $event): void
    {
        $this->unwritten[] = $event;
    }

    /** Forgets what was heard. */
    public function forget(): void
    {
        $this->unwritten = [];
    }

    /** Writes the rows. Throws what the failer throws, after which the job must come again. */
    public function write(): void
    {
        foreach ($this->unwritten as $event) {
            $this->writeOne($event);
        }
        $this->forget();
    }

    private function writeOne(JobFailed $event): void
    {
        $failer = $this->app->make('queue.failer');
        try {
            $failer->log($event->connectionName, $event->job->getQueue(), $event->job->getRawBody(), $event->exception);
        } catch (QueryException $error) {
            // The row of an earlier delivery: the uuid is unique.
            $uuid = method_exists($event->job, 'uuid') ? $event->job->uuid() : null;
            if ($uuid === null || $failer->find($uuid) === null) {
                throw $error;
            }
        }
    }
}
