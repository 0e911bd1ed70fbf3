<?php

declare(strict_types=1);

namespace RelayRunner;

/** Event loop on which a worker runs several jobs at once: our own, or the one that the application's libraries use. */
interface EventLoop
{
    /**
     * Calls `$act` whenever the stream can be read.
     *
     * @param resource $stream
     */
    public function onReadable($stream, callable $act): void;

    /** Runs the code of a job, in a fiber where the loop knows fibers. `$job` must not throw. */
    public function start(callable $job): void;

    /** Ends the wait of a job's fiber with a Cancelled. Returns false where the loop does not know for what it waits. */
    public function cancel(?\Fiber $fiber): bool;

    /** Runs until `stop`. */
    public function run(): void;

    public function stop(): void;
}
