<?php

declare(strict_types=1);

namespace RelayRunner;

/**
 * Runs several jobs on AMPHP's loop of version 2: `serve($handler, concurrency: 100, loop: new AmpLoop())`. A handler returns a promise, such as
 * that of `Amp\call(…)`; it is cancelled by `Context::onCancel`.
 */
final class AmpLoop implements EventLoop
{
    public function onReadable($stream, callable $act): void
    {
        \Amp\Loop::onReadable($stream, static fn () => $act());
    }

    public function start(callable $job): void
    {
        $job();
    }

    public function cancel(?\Fiber $fiber): bool
    {
        return false;
    }

    public function run(): void
    {
        \Amp\Loop::run();
    }

    public function stop(): void
    {
        \Amp\Loop::stop();
    }
}
