<?php

declare(strict_types=1);

namespace RelayRunner;

/**
 * Waits that let other jobs run meanwhile, in a worker that runs several at once on this package's own loop. Elsewhere they block, so the same
 * handler serves one job at a time, too.
 */
final class Loop
{
    /** The loop that runs; null where waits block. */
    private static ?NativeLoop $running = null;

    public static function use(?NativeLoop $loop): void
    {
        self::$running = $loop;
    }

    /** Waits for some seconds. Throws Cancelled. */
    public static function sleep(float $seconds): void
    {
        if (self::$running === null || \Fiber::getCurrent() === null) {
            usleep((int) ($seconds * 1e6));
            return;
        }
        self::$running->await(static fn (callable $resume) => self::$running->after($seconds, $resume));
    }

    /**
     * Waits until the stream can be read. Throws Cancelled.
     *
     * @param resource $stream
     */
    public static function readable($stream): void
    {
        self::untilReady($stream, true);
    }

    /**
     * Waits until the stream can be written. Throws Cancelled.
     *
     * @param resource $stream
     */
    public static function writable($stream): void
    {
        self::untilReady($stream, false);
    }

    /**
     * Waits until `$begin` calls the function that it is given; returns what it is called with. For waits of libraries that call back.
     *
     * @param callable(callable $resume): mixed $begin
     */
    public static function await(callable $begin): mixed
    {
        if (self::$running === null || \Fiber::getCurrent() === null) {
            throw new \LogicException('Loop::await() waits in a fiber of a worker that runs several jobs at once');
        }
        return self::$running->await($begin);
    }

    /** @param resource $stream */
    private static function untilReady($stream, bool $reads): void
    {
        if (self::$running === null || \Fiber::getCurrent() === null) {
            [$read, $write, $except] = [$reads ? [$stream] : null, $reads ? null : [$stream], null];
            stream_select($read, $write, $except, null);
            return;
        }
        self::$running->await(static fn (callable $resume) => self::$running->once($stream, $reads, $resume));
    }
}
