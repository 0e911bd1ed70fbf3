<?php

declare(strict_types=1);

namespace RelayRunner;

/** Serves jobs: one at a time, in order, or several at once, until the server says stop or goes. */
final class Worker
{
    private static ?Job $job = null;
    /** True when the worker takes no further job. */
    private static bool $isLeaving = false;
    private static int $bufferLevel = 0;
    /** Context of the job that runs, when only one does. */
    private static ?Context $context = null;
    /** Watches what jobs leave behind, where the server asks for it. */
    private static ?Leaks $leaks = null;

    /**
     * Runs until the end. What the handler returns is the result: a string as it is, a Reply with its context, a generator or an open
     * stream piece by piece (where the server takes streams), anything else as JSON.
     *
     * Between jobs: `$onThaw` hears that Lambda froze us for so many milliseconds (5,000 or more), so that others may have closed our
     * connections; `$beforeSnapshot` and `$afterRestore` are SnapStart's, and what they throw fails the start.
     *
     * With a `$concurrency` above 1 so many jobs run at once, each in a fiber: while one waits by `Loop`, others run. A job that is over its
     * limit is cancelled by a Cancelled where it waits. `$loop` is the event loop of the application's libraries, where that is another one.
     *
     * `$onGivenUp` takes records that the server gave up (`failed: worker` of `lambda` or `jobs`), in the handler's place: they must not run again, but what
     * hangs on them can be settled. Its result settles the record; without it no such record is sent.
     *
     * `$limitMs` tells the server the limit that the worker sets for each job itself (an alarm): it warns of a job that has used 80 % of it.
     *
     * @param callable(string $body, Context $context): mixed $handler
     * @param ?callable(int $gapMs): mixed $onThaw
     * @param ?callable(): mixed $beforeSnapshot
     * @param ?callable(): mixed $afterRestore
     * @param ?callable(string $body, Context $context): mixed $onGivenUp
     */
    public static function serve(
        callable $handler,
        ?callable $onThaw = null,
        ?callable $beforeSnapshot = null,
        ?callable $afterRestore = null,
        int $concurrency = 1,
        ?EventLoop $loop = null,
        ?callable $onGivenUp = null,
        int $limitMs = 0,
    ): void {
        if ($concurrency < 1) {
            throw new \InvalidArgumentException("concurrency is $concurrency; it must be 1 or more");
        }
        $relay = Relay::connect(getenv('RR_RELAY') ?: 'pipes');
        $hooks = new Hooks($onThaw, $beforeSnapshot, $afterRestore, $onGivenUp !== null);
        if ($onGivenUp !== null) {
            $run = $handler;
            $handler = static fn (string $body, Context $context): mixed => ($context->kind() === 'given_up' ? $onGivenUp : $run)($body, $context);
        }
        $features = ['job_id', ...(Stack::listen() ? ['stack', 'stack_interrupts'] : []), ...$hooks->features()];
        $own = $limitMs > 0 ? ['limit_ms' => $limitMs] : [];
        self::$bufferLevel = ob_get_level();
        self::$leaks = Leaks::start($handler);
        try {
            if ($concurrency > 1) {
                // What a job changed cannot be told while others run.
                $places = self::$leaks === null ? $concurrency : 1;
                $announced = ['features' => [...$features, 'concurrency', 'cancel'], 'concurrency' => $places] + $own;
                (new SeveralJobs($relay, $handler, $hooks, $loop ?? new NativeLoop(), $announced, self::$leaks))->serve();
            } else {
                self::serveInTurn($relay, $handler, $hooks, ['features' => $features] + $own);
            }
        } finally {
            self::$leaks?->summary();
        }
    }

    /**
     * Answers the running job at once, with anything that a handler may return but a stream, and leaves behind it: the server starts another
     * worker. For signal handlers (pcntl_async_signals) and for code deep within a handler; what the handler returns or throws later is
     * ignored.
     *
     * Returns false when there was no job to answer: none runs, or its answer is on its way already (a stream ends after its piece). The
     * worker then leaves all the same, by handing its next job to another one.
     */
    public static function answerNow(mixed $result = null): bool
    {
        self::$isLeaving = true;
        $job = self::$job;
        if ($job === null || $job->cut() || $job->isAnswered()) {
            return false;
        }
        $body = $result instanceof Reply ? $result->body : $result;
        if ($body instanceof \Generator || is_resource($body)) {
            throw new \InvalidArgumentException('answerNow() does not accept a stream');
        }
        if ($result instanceof \Throwable && !$result instanceof Verdict) {
            $job->fail($result, true);
        } else {
            $job->answer($result, true);
        }
        return true;
    }

    /** Writes one line of JSON to standard error, where the server makes it a line of its own log. */
    public static function log(string $level, string $message, array $fields = []): void
    {
        $line = ['level' => $level, 'message' => $message] + $fields;
        $number = SeveralJobs::current()[1] ?? null;
        if ($number !== null) {
            // Last, where the server looks for it.
            unset($line['jobId']);
            $line['jobId'] = $number;
        }
        fwrite(STDERR, Json::lenient($line) . "\n");
    }

    /** The context of the job in which this is called; null outside of jobs. */
    public static function context(): ?Context
    {
        return SeveralJobs::current()[0] ?? self::$context;
    }

    /** Tells whether the worker takes no further job. */
    public static function isLeaving(): bool
    {
        return self::$isLeaving;
    }

    /** Serves jobs one at a time. @param array<string, mixed> $announced */
    private static function serveInTurn(Relay $relay, callable $handler, Hooks $hooks, array $announced): void
    {
        while (($frame = $relay->read()) !== null) {
            // A frame about a stream that has ended in the meantime.
            if ($frame['stream'] !== 0) {
                continue;
            }
            if (($frame['flags'] & Relay::CONTROL) === 0) {
                if (self::run($relay, $handler, $frame)) {
                    return;
                }
                continue;
            }
            $message = json_decode($frame['payload'], true) ?? [];
            if ($message['stop'] ?? false) {
                return;
            }
            if (isset($message['pid'])) {
                $relay->write(Relay::CONTROL, Json::strict(['pid' => getmypid()] + $announced));
            } else {
                $hooks->run($relay, $message, $frame['payload']);
            }
        }
    }

    /**
     * Runs one job; returns whether the worker leaves behind it.
     *
     * @param array{flags: int, options: list<int>, payload: string} $frame
     */
    private static function run(Relay $relay, callable $handler, array $frame): bool
    {
        $contextBytes = $frame['options'][0] ?? 0;
        $context = json_decode(substr($frame['payload'], 0, $contextBytes), true);
        $values = is_array($context) ? $context : [];
        $id = is_int($values['jobId'] ?? null) ? $values['jobId'] : null;
        unset($values['jobId']);
        $job = new Job($relay, $frame['flags'], $id);
        if (self::$isLeaving) {
            $job->answer(Verdict::stop());
            return true;
        }
        TraceId::set($values);
        self::$job = $job;
        try {
            self::$context = new Context($values);
            self::$leaks?->begin(self::$context, strlen($frame['payload']));
            $job->answer(self::flushed($handler(substr($frame['payload'], $contextBytes), self::$context)));
        } catch (Verdict $verdict) {
            $job->answer(self::flushed($verdict));
        } catch (\Throwable $error) {
            $job->fail(self::flushed($error));
        }
        self::$job = self::$context = null;
        return $job->leaves();
    }

    /** Flushes output buffers before the answer, since their content belongs to the job. Passes the result through without holding it. */
    private static function flushed(mixed $result): mixed
    {
        // Before the flush, which would hide buffers that were left open.
        self::$leaks?->end();
        Descriptors::flushOutput(self::$bufferLevel);
        return $result;
    }
}
