<?php

declare(strict_types=1);

namespace RelayRunner;

/**
 * Runs several jobs on ReactPHP's loop: `serve($handler, concurrency: 100, loop: new ReactLoop())`. A handler returns a promise; it is cancelled by
 * `Context::onCancel`.
 */
final class ReactLoop implements EventLoop
{
    public function onReadable($stream, callable $act): void
    {
        \React\EventLoop\Loop::addReadStream($stream, static fn () => $act());
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
        \React\EventLoop\Loop::run();
    }

    public function stop(): void
    {
        \React\EventLoop\Loop::stop();
    }
}
