<?php

declare(strict_types=1);

namespace RelayRunner;

/** Event loop by hand: `stream_select` and timers, with a fiber for each job. */
final class NativeLoop implements EventLoop
{
    /** @var array<int, array{resource, callable}> */
    private array $readers = [];
    /** Waits for one stream each, which end when it is ready. @var array<int, array{resource, bool, callable}> */
    private array $waits = [];
    private int $waitCount = 0;
    /** @var \SplMinHeap<array{float, int, callable}> */
    private \SplMinHeap $timers;
    private int $timerCount = 0;
    private bool $isRunning = false;
    /** What ends the wait of a fiber. @var \WeakMap<\Fiber, callable> */
    private \WeakMap $cancels;

    public function __construct()
    {
        $this->timers = new \SplMinHeap();
        $this->cancels = new \WeakMap();
    }

    public function onReadable($stream, callable $act): void
    {
        $this->readers[(int) $stream] = [$stream, $act];
    }

    public function start(callable $job): void
    {
        (new \Fiber($job))->start();
    }

    public function cancel(?\Fiber $fiber): bool
    {
        $cancel = $fiber === null ? null : ($this->cancels[$fiber] ?? null);
        if ($cancel === null) {
            return false;
        }
        $cancel();
        return true;
    }

    /** Suspends the fiber until `$begin` calls what it is given, or the job is cancelled. */
    public function await(callable $begin): mixed
    {
        $fiber = \Fiber::getCurrent();
        $isOver = false;
        $undo = null;
        $end = function (callable $act) use (&$isOver, &$undo, $fiber): void {
            if ($isOver) {
                return;
            }
            $isOver = true;
            unset($this->cancels[$fiber]);
            if (is_callable($undo)) {
                $undo();
            }
            $act();
        };
        // Not at once: what begins a wait may call back before the fiber has been suspended.
        $undo = $begin(function (mixed $value = null) use ($end, $fiber): void {
            $end(fn () => $this->soon(static fn () => $fiber->resume($value)));
        });
        $this->cancels[$fiber] = static fn () => $end(static fn () => $fiber->throw(new Cancelled()));
        return \Fiber::suspend();
    }

    /** Calls `$act` after some seconds. */
    public function after(float $seconds, callable $act): void
    {
        $this->timers->insert([hrtime(true) / 1e9 + $seconds, $this->timerCount++, $act]);
    }

    /**
     * Calls `$act` once the stream is ready. Returns what ends that.
     *
     * @param resource $stream
     */
    public function once($stream, bool $reads, callable $act): callable
    {
        $at = $this->waitCount++;
        $this->waits[$at] = [$stream, $reads, $act];
        return function () use ($at): void {
            unset($this->waits[$at]);
        };
    }

    public function run(): void
    {
        $this->isRunning = true;
        Loop::use($this);
        while ($this->isRunning) {
            $this->turn();
        }
        Loop::use(null);
    }

    public function stop(): void
    {
        $this->isRunning = false;
    }

    private function soon(callable $act): void
    {
        $this->after(0, $act);
    }

    private function turn(): void
    {
        $read = array_column($this->readers, 0);
        $write = [];
        foreach ($this->waits as [$stream, $reads]) {
            if ($reads) {
                $read[] = $stream;
            } else {
                $write[] = $stream;
            }
        }
        $except = null;
        [$seconds, $microseconds] = $this->patience();
        // A signal ends the wait early, with a warning.
        if (@stream_select($read, $write, $except, $seconds, $microseconds) > 0) {
            $this->tell($read, $write);
        }
        $now = hrtime(true) / 1e9;
        while ($this->isRunning && !$this->timers->isEmpty() && $this->timers->top()[0] <= $now) {
            $this->timers->extract()[2]();
        }
    }

    private function tell(array $read, array $write): void
    {
        $isReadable = array_flip(array_map('intval', $read));
        $isWritable = array_flip(array_map('intval', $write));
        foreach ($this->readers as $id => [, $act]) {
            if (isset($isReadable[$id])) {
                $act();
            }
        }
        foreach ($this->waits as $at => [$stream, $reads, $act]) {
            if (isset($this->waits[$at]) && isset(($reads ? $isReadable : $isWritable)[(int) $stream])) {
                unset($this->waits[$at]);
                $act();
            }
        }
    }

    /** @return array{?int, int} */
    private function patience(): array
    {
        if ($this->timers->isEmpty()) {
            return [null, 0];
        }
        $left = max(0, $this->timers->top()[0] - hrtime(true) / 1e9);
        return [(int) $left, (int) (fmod($left, 1) * 1e6)];
    }
}
