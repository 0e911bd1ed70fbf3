<?php

declare(strict_types=1);

namespace RelayRunner;

/** Serves several jobs at once, on one event loop. */
final class SeveralJobs
{
    /** Jobs by their number: the context, and the fiber in which the handler runs. @var array<int, array{Context, ?\Fiber}> */
    private array $jobs = [];
    private bool $isStopping = false;
    private readonly int $bufferLevel;
    /** Context and number of the job of each fiber. @var ?\WeakMap<\Fiber, array{Context, int}> */
    private static ?\WeakMap $ofFiber = null;
    /** The job whose handler is being called, on a loop that knows no fibers. @var ?array{Context, int} */
    private static ?array $called = null;

    /** @param array<string, mixed> $announced the answer to the PID request */
    public function __construct(
        private readonly Relay $relay,
        private readonly mixed $handler,
        private readonly Hooks $hooks,
        private readonly EventLoop $loop,
        private readonly array $announced,
        private readonly ?Leaks $leaks = null,
    ) {
        self::$ofFiber = new \WeakMap();
        $this->bufferLevel = ob_get_level();
    }

    /**
     * The context and the number of the job in which this is called; null outside of jobs.
     *
     * @return ?array{Context, int}
     */
    public static function current(): ?array
    {
        $fiber = \Fiber::getCurrent();
        return self::$called ?? ($fiber === null ? null : (self::$ofFiber[$fiber] ?? null));
    }

    /** Runs until the server says stop and the jobs have ended, or the server goes. */
    public function serve(): void
    {
        $this->loop->onReadable($this->relay->input(), fn () => $this->read());
        $this->loop->run();
    }

    /** Takes all frames that are there. */
    private function read(): void
    {
        do {
            $frame = $this->relay->read();
            if ($frame === null) {
                $this->loop->stop();
                return;
            }
            $this->take($frame);
        } while ($this->relay->hasInput());
    }

    /** @param array{flags: int, stream: int, options: list<int>, payload: string} $frame */
    private function take(array $frame): void
    {
        // About a stream that has ended: while one is sent, its sender reads.
        if ($frame['stream'] !== 0) {
            return;
        }
        if (($frame['flags'] & Relay::CONTROL) === 0) {
            $this->start($frame);
            return;
        }
        $message = json_decode($frame['payload'], true) ?? [];
        if ($message['stop'] ?? false) {
            $this->isStopping = true;
            $this->stopIfDone();
        } elseif (isset($message['pid'])) {
            $this->relay->write(Relay::CONTROL, Json::strict(['pid' => getmypid()] + $this->announced));
        } elseif (isset($message['cancel'])) {
            $this->cancel($message['cancel']['jobId'] ?? 0);
        } else {
            $this->hooks->run($this->relay, $message, $frame['payload']);
        }
    }

    private function cancel(int $id): void
    {
        [$context, $fiber] = $this->jobs[$id] ?? [null, null];
        if ($context === null) {
            return;
        }
        // What was registered by `onCancel` is the job's own code.
        self::$called = [$context, $id];
        $context->cancel();
        self::$called = null;
        $this->loop->cancel($fiber);
    }

    /** @param array{flags: int, stream: int, options: list<int>, payload: string} $frame */
    private function start(array $frame): void
    {
        $contextBytes = $frame['options'][0] ?? 0;
        $values = json_decode(substr($frame['payload'], 0, $contextBytes), true);
        $values = is_array($values) ? $values : [];
        $id = is_int($values['jobId'] ?? null) ? $values['jobId'] : null;
        unset($values['jobId']);
        $job = new Job($this->relay, $frame['flags'], $id);
        if (Worker::isLeaving()) {
            $job->answer(Verdict::stop());
            return;
        }
        $context = new Context($values);
        $id ??= 0;
        $body = substr($frame['payload'], $contextBytes);
        $this->loop->start(function () use ($job, $id, $context, $body): void {
            $fiber = \Fiber::getCurrent();
            $this->jobs[$id] = [$context, $fiber];
            if ($fiber !== null) {
                self::$ofFiber[$fiber] = [$context, $id];
            }
            $this->leaks?->begin($context, strlen($body));
            $this->run($job, $id, fn () => $this->call($body, $context, $id, $fiber));
        });
    }

    private function call(string $body, Context $context, int $id, ?\Fiber $fiber): mixed
    {
        if ($fiber !== null) {
            return ($this->handler)($body, $context);
        }
        self::$called = [$context, $id];
        try {
            return ($this->handler)($body, $context);
        } finally {
            self::$called = null;
        }
    }

    private function run(Job $job, int $id, callable $act): void
    {
        try {
            $result = $act();
            if ($this->follows($result, $job, $id)) {
                return;
            }
            $this->leaks?->end();
            Descriptors::flushOutput($this->bufferLevel);
            $job->answer($result);
        } catch (Verdict $verdict) {
            $this->leaks?->end();
            $job->answer($verdict);
        } catch (\Throwable $error) {
            $this->leaks?->end();
            $job->fail($error);
        }
        $this->ended($id);
    }

    /** Answers when a promise is settled: ReactPHP's have `then`, those of AMPHP 2 `onResolve`. False for any other result. */
    private function follows(mixed $result, Job $job, int $id): bool
    {
        if (!is_object($result)) {
            return false;
        }
        $answer = fn (mixed $value) => $this->run($job, $id, static fn () => $value);
        $fail = fn (mixed $reason) => $this->run($job, $id, static function () use ($reason): never {
            throw $reason instanceof \Throwable ? $reason : new \RuntimeException((string) $reason);
        });
        if (method_exists($result, 'onResolve')) {
            $result->onResolve(static fn (?\Throwable $error, mixed $value) => $error === null ? $answer($value) : $fail($error));
            return true;
        }
        if (method_exists($result, 'then')) {
            $result->then($answer, $fail);
            return true;
        }
        return false;
    }

    private function ended(int $id): void
    {
        unset($this->jobs[$id]);
        $this->stopIfDone();
    }

    private function stopIfDone(): void
    {
        if ($this->isStopping && $this->jobs === []) {
            $this->loop->stop();
        }
    }
}
