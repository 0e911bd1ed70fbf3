<?php

declare(strict_types=1);

namespace RelayRunner\Laravel;

use Illuminate\Contracts\Foundation\Application;
use Illuminate\Contracts\Queue\Interruptible;
use Illuminate\Queue\Events\JobFailed;
use Illuminate\Queue\Events\WorkerStarting;
use Illuminate\Queue\Worker as LaravelWorker;
use Illuminate\Queue\WorkerOptions;
use RelayRunner\Context;
use RelayRunner\Laravel\Contracts\HandlesRecord;
use RelayRunner\Laravel\Jobs\JobFactory;
use RelayRunner\Laravel\Jobs\RelayedJob;
use RelayRunner\Laravel\Jobs\SqsRecordJob;
use RelayRunner\Leaks;
use RelayRunner\Reply;
use RelayRunner\Verdict;
use RelayRunner\Worker as Server;

/**
 * Laravel's own worker, fed by the server instead of by a poll. What Laravel decides about a job (tries, backoff, events, middleware) is
 * decided by its code; only how a job ends is different: its flags become the worker's answer.
 */
class Worker extends LaravelWorker
{
    private Application $app;
    private Settings $settings;
    private JobFactory $jobs;
    private Attempts $attempts;
    private FailedJobs $failedJobs;
    private Transactions $transactions;
    private Resetters $resetters;
    private JobLog $log;
    private ?Restart $restart = null;
    private ?WorkerOptions $options = null;
    /** The job that runs; a time limit ends it from a signal handler. */
    private RelayedJob|SqsRecordJob|null $running = null;
    private int $jobsRun = 0;
    private bool $isDownTold = false;

    /** Makes the worker of the application's own, with its scope reset, exception handler and maintenance check. */
    public static function of(LaravelWorker $stock, Application $app): self
    {
        // Protected, but those of our own ancestor.
        $worker = new self($stock->manager, $stock->events, $stock->exceptions, $stock->isDownForMaintenance, $stock->resetScope);
        $worker->app = $app;
        $worker->settings = new Settings($app->make('config'));
        $cache = $app->make('cache')->store($worker->settings->cacheStore());
        $worker->setCache($cache);
        $worker->jobs = $app->make(JobFactory::class);
        $worker->attempts = new Attempts($worker->settings->countsRuns() ? $cache : null);
        $worker->failedJobs = new FailedJobs($app);
        $worker->transactions = new Transactions($app);
        $worker->resetters = new Resetters($app, $worker->settings->resetters());
        $worker->log = new JobLog($worker->settings->logsJobs());
        $worker->events->listen(JobFailed::class, fn (JobFailed $event) => $worker->failedJobs->hear($event));
        return $worker;
    }

    /** Serves jobs until the server says stop or goes. */
    public function serve(WorkerOptions $options): void
    {
        $this->options = $options;
        if (!$this->supportsAsyncSignals()) {
            Server::log('warn', 'PHP has no pcntl: time limits of jobs are those of the pool (supervisor.exec_ttl) alone');
        } elseif (interface_exists(Interruptible::class)) {
            $this->passSigterm();
        }
        $this->restart = new Restart(fn () => $this->getTimestampOfLastQueueRestart());
        $this->raise(WorkerStarting::class, 'relayrunner', '', $options);
        Leaks::watch('configuration', fn () => WatchedConfig::hashes($this->app->make('config')));
        Server::serve(
            fn (string $body, Context $context) => $this->handle($body, $context, $options),
            onThaw: fn () => $this->forgetConnections(),
            onGivenUp: fn (string $body, Context $context) => $this->handle($body, $context, $options),
            limitMs: $this->supportsAsyncSignals() ? max(0, (int) $options->timeout) * 1000 : 0,
        );
        $this->stop(static::EXIT_SUCCESS, $options);
    }

    /** Runs one record, or any event, and returns its result. Throws what a handler of foreign bodies throws. */
    public function handle(string $body, Context $context, WorkerOptions $options): mixed
    {
        $this->options = $options;
        if ($this->restart?->isDue()) {
            return Verdict::stop();
        }
        $job = $this->jobs->make($body, $context);
        if ($job === null && $context->kind() === 'given_up') {
            return Verdict::fail('Laravel did not write this body: nothing hangs on it here');
        }
        return $job === null ? $this->handleForeign($body, $context) : $this->leaving($this->one($job, $options), $options);
    }

    /** Runs one job; returns the verdict, or null for done. */
    public function one(RelayedJob|SqsRecordJob $job, WorkerOptions $options): ?Verdict
    {
        $connection = $job->getConnectionName();
        $refusal = $this->refusal($connection, $job->getQueue(), $options);
        if ($refusal !== null) {
            return $refusal;
        }
        if ($this->resetScope !== null) {
            ($this->resetScope)();
        }
        if ($this->settings->remembersDone() && $this->cache->has(self::doneKey($job))) {
            $this->log->line('info', $job, 'skipped: it was done already');
            return null;
        }
        $this->raisePop($connection, $job);
        $this->failedJobs->forget();
        if ($job->context()->kind() === 'given_up') {
            return $this->giveUp($job);
        }
        Leaks::name($job->resolveName());
        $this->attempts->begin($job);
        $this->log->begin($job);
        $this->running = $job;
        $this->jobsRun += 1;
        if ($this->supportsAsyncSignals()) {
            $this->registerTimeoutHandler($job, $options);
        }
        try {
            $this->runJob($job, $connection, $options);
        } finally {
            if ($this->supportsAsyncSignals()) {
                $this->resetTimeoutHandler();
            }
            $this->running = null;
        }
        $this->endTransactions($job);
        $verdict = $this->verdict($job);
        $this->resetters->run();
        return $verdict;
    }

    /**
     * Called by Laravel's handler of a job that ran too long, after it has marked the job: answers, then ends the process, since nothing
     * else can end a job that catches everything.
     */
    public function kill($status = 0, $options = null, $reason = null)
    {
        $job = $this->running;
        if ($job !== null) {
            $this->transactions->rollBack();
            $verdict = $this->verdict($job, 'the job ran longer than its limit of ' . $this->timeoutForJob($job, $this->options) . ' s');
            Server::answerNow($verdict ?? new Reply());
        }
        parent::kill($status, $options, $reason);
    }

    /** Seconds that the job may run: its own limit or the worker's, and no longer than Lambda lets us live. */
    protected function timeoutForJob($job, WorkerOptions $options)
    {
        $own = (int) parent::timeoutForJob($job, $options);
        $left = $job instanceof RelayedJob || $job instanceof SqsRecordJob ? $job->remainingMs() : PHP_INT_MAX;
        if ($left === PHP_INT_MAX) {
            return $own;
        }
        // The alarm counts whole seconds, and the answer needs a moment of its own.
        $rest = max(1, intdiv($left - 1000, 1000));
        return $own > 0 ? min($own, $rest) : $rest;
    }

    /** A transaction that the job left open ends before the job is marked as failed, or its row would be lost with it. */
    protected function handleJobException($connectionName, $job, WorkerOptions $options, \Throwable $e)
    {
        if ($this->settings->endsTransactions()) {
            $this->transactions->rollBack();
        }
        parent::handleJobException($connectionName, $job, $options, $e);
    }

    /** The reason not to run a job now; null where it may run. */
    private function refusal(string $connection, string $queue, WorkerOptions $options): ?Verdict
    {
        $isDown = !$options->force && ($this->isDownForMaintenance)();
        if ($isDown && $this->settings->waitsInMaintenance()) {
            return Verdict::retry('the application is down for maintenance', 30_000);
        }
        if ($isDown && !$this->isDownTold) {
            $this->isDownTold = true;
            Server::log('warn', 'the application is down for maintenance; jobs run all the same (relayrunner.maintenance: run)');
        }
        $forced = clone $options;
        $forced->force = true;
        return $this->daemonShouldRun($forced, $connection, $queue)
            ? null
            : Verdict::retry('a listener of Looping asked to wait', 1000);
    }

    private function handleForeign(string $body, Context $context): mixed
    {
        $class = $this->settings->foreignHandler($context);
        if ($class === null) {
            $queue = $context->queue() ?? 'this source';
            return Verdict::fail("Laravel did not write this body, and relayrunner.foreign has no handler for \"$queue\"");
        }
        $handler = $this->app->make($class);
        if (!$handler instanceof HandlesRecord) {
            return Verdict::fail("$class, which relayrunner.foreign names, does not implement " . HandlesRecord::class);
        }
        if ($this->resetScope !== null) {
            ($this->resetScope)();
        }
        try {
            return $handler->handle($body, $context);
        } catch (Verdict $verdict) {
            return $verdict;
        } catch (\Throwable $error) {
            $this->exceptions->report($error);
            throw $error;
        } finally {
            if ($this->settings->endsTransactions()) {
                $this->transactions->rollBack();
            }
            $this->resetters->run();
        }
    }

    /** Tells a job that the server gave up that it failed, so that locks, batches and `failed()` are settled. */
    private function giveUp(RelayedJob|SqsRecordJob $job): ?Verdict
    {
        $reason = $job->context()->get('reason');
        try {
            $job->fail(new GivenUp(is_string($reason) ? $reason : 'the server gave the job up'));
        } catch (\Throwable $error) {
            // Thrown by the job's own failed(); the job counts as failed all the same, as in a queue of Laravel's own.
            $this->exceptions->report($error);
        }
        $this->endTransactions($job);
        $verdict = $this->verdict($job);
        $this->resetters->run();
        return $verdict;
    }

    private function endTransactions(RelayedJob|SqsRecordJob $job): void
    {
        if (!$this->settings->endsTransactions()) {
            return;
        }
        $open = $this->transactions->rollBack();
        if ($open === []) {
            return;
        }
        $text = 'left a transaction open on ' . implode(', ', $open) . ', which was rolled back';
        $this->log->line('warn', $job, $text);
        if ($this->settings->failsOpenTransactions() && !$job->hasFailed()) {
            // What the job did is gone, so it must not count as done.
            $this->failAgain($job, new \RuntimeException($job->resolveName() . " $text"));
        }
    }

    private function failAgain(RelayedJob|SqsRecordJob $job, \Throwable $error): void
    {
        $this->exceptions->report($error);
        $job->reopen();
        $job->fail($error);
    }

    /** Makes the answer of the job's flags; null is done. */
    private function verdict(RelayedJob|SqsRecordJob $job, string $why = 'the job was released'): ?Verdict
    {
        if ($job->hasFailed()) {
            return $this->failed($job);
        }
        if ($job->isDeleted()) {
            if ($this->settings->remembersDone()) {
                $this->cache->put(self::doneKey($job), 1, $this->settings->dedupeSeconds());
            }
            $this->attempts->end($job);
            $this->log->end($job, 'done');
            return null;
        }
        $this->log->end($job, 'released');
        // Neither deleted nor released: a handler of raw bodies that did nothing. As in a queue, the job comes again.
        return Verdict::retry($why, $job->isReleased() ? $job->releaseSeconds() * 1000 : null);
    }

    private function failed(RelayedJob|SqsRecordJob $job): ?Verdict
    {
        try {
            if ($this->settings->writesFailedJobs()) {
                $this->failedJobs->write();
            }
        } catch (\Throwable $error) {
            $this->exceptions->report($error);
            $this->log->end($job, 'failed, but its row could not be written: it comes again');
            return Verdict::retry('the failed job could not be written to the table of failed jobs: ' . $error->getMessage());
        }
        $this->attempts->end($job);
        $this->log->end($job, 'failed');
        return $this->settings->leavesFailedToQueue() ? Verdict::fail('the job failed for good') : null;
    }

    /** Adds to an answer that this worker leaves, where Laravel's worker would stop now. */
    private function leaving(?Verdict $verdict, WorkerOptions $options): Verdict|Reply|null
    {
        $isOver = $this->shouldQuit || ($this->lostConnection ?? false)
            || ($options->maxJobs > 0 && $this->jobsRun >= $options->maxJobs)
            || ($options->memory > 0 && $this->memoryExceeded($options->memory));
        if (!$isOver) {
            return $verdict;
        }
        return ($verdict ?? new Reply())->thenLeave();
    }

    private function raisePop(string $connection, RelayedJob|SqsRecordJob $job): void
    {
        if (method_exists($this, 'raiseBeforeJobPopEvent')) {
            $this->raiseBeforeJobPopEvent($connection, $job->getQueue());
            $this->raiseAfterJobPopEvent($connection, $job);
        }
    }

    /** Dispatches an event that older versions do not have. */
    private function raise(string $class, mixed ...$arguments): void
    {
        if (class_exists($class)) {
            $this->events->dispatch(new $class(...$arguments));
        }
    }

    /** Tells an interruptible job of SIGTERM; without one the process ends as it would have. */
    private function passSigterm(): void
    {
        pcntl_async_signals(true);
        pcntl_signal(SIGTERM, function (int $signal): void {
            $handler = $this->running?->getResolvedJob();
            $command = $handler !== null && method_exists($handler, 'getRunningCommand') ? $handler->getRunningCommand() : null;
            if ($command instanceof Interruptible) {
                $this->shouldQuit = true;
                $this->notifyJobOfSignal($signal);
                return;
            }
            pcntl_signal($signal, SIG_DFL);
            posix_kill(getmypid(), $signal);
        });
    }

    /** Others may have closed our connections while Lambda had us frozen. */
    private function forgetConnections(): void
    {
        if ($this->app->resolved('db')) {
            foreach (array_keys($this->app->make('db')->getConnections()) as $name) {
                $this->app->make('db')->purge($name);
            }
        }
        if ($this->app->resolved('redis')) {
            foreach (array_keys($this->app->make('redis')->connections() ?? []) as $name) {
                $this->app->make('redis')->purge($name);
            }
        }
    }

    private static function doneKey(RelayedJob|SqsRecordJob $job): string
    {
        return 'relayrunner:done:' . ($job->uuid() ?? $job->getJobId());
    }
}
