<?php

declare(strict_types=1);

namespace RelayRunner\Laravel\Console;

use Illuminate\Console\Command;
use Illuminate\Queue\WorkerOptions;
use RelayRunner\Laravel\Worker;

/** The worker that the server starts. Options and their defaults are those of `queue:work`. */
final class WorkCommand extends Command
{
    protected $signature = 'relayrunner:work
        {--connection= : The queue connection that all jobs belong to}
        {--name=default : The name of the worker}
        {--tries=1 : How often a job runs before it has failed; 0 is no limit}
        {--backoff=0 : Seconds to wait before a job runs again that threw; a list gives one for each try}
        {--timeout=60 : Seconds that a job may run}
        {--memory=128 : Megabytes after which the worker leaves}
        {--max-jobs=0 : Jobs after which the worker leaves}
        {--force : Run jobs in maintenance mode without a warning}';

    protected $description = 'Run the jobs that RelayRunner sends (started by the server)';

    public function handle(): int
    {
        if (getenv('RR_RELAY') === false) {
            $this->error('relayrunner:work is started by the server: no RR_RELAY is set.');
            $this->line('Start the server: php artisan relayrunner:serve (or: npx relayrunner serve)');
            return 1;
        }
        if ($this->option('connection') !== null) {
            $this->laravel->make('config')->set('relayrunner.connection', $this->option('connection'));
        }
        $this->laravel->make(Worker::class)->setName($this->option('name'))->serve(self::workerOptions($this));
        return 0;
    }

    /** Makes the options of Laravel's worker from those of a command. */
    public static function workerOptions(Command $command): WorkerOptions
    {
        return new WorkerOptions(
            name: $command->option('name'),
            backoff: $command->option('backoff'),
            memory: (int) $command->option('memory'),
            timeout: (int) $command->option('timeout'),
            maxTries: (int) $command->option('tries'),
            force: (bool) $command->option('force'),
            maxJobs: (int) $command->option('max-jobs'),
        );
    }
}
