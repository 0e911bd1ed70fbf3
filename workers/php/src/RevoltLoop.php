<?php

declare(strict_types=1);

namespace RelayRunner;

/**
 * Runs several jobs on Revolt's loop, which AMPHP 3 uses: `serve($handler, concurrency: 100, loop: new RevoltLoop())`. A handler runs in a fiber of
 * the loop and waits as usual there, by `Amp\delay()` and the like; it is cancelled by `Context::onCancel`.
 */
final class RevoltLoop implements EventLoop
{
    public function onReadable($stream, callable $act): void
    {
        \Revolt\EventLoop::onReadable($stream, static fn () => $act());
    }

    public function start(callable $job): void
    {
        \Revolt\EventLoop::queue($job);
    }

    public function cancel(?\Fiber $fiber): bool
    {
        return false;
    }

    public function run(): void
    {
        \Revolt\EventLoop::run();
    }

    public function stop(): void
    {
        \Revolt\EventLoop::getDriver()->stop();
    }
}
