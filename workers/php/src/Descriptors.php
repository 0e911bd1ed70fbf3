<?php

declare(strict_types=1);

namespace RelayRunner;

/**
 * Keeps the relay to the worker alone. Over pipes it comes as descriptors 0 and 1, which every child program inherits: one that reads its
 * standard input would take the next job. It is moved to other descriptors; 0 becomes /dev/null and 1 standard error.
 *
 * PHP itself can replace 0, but neither 1 nor what children inherit: both need FFI (Linux). Without it an output buffer sends what is echoed
 * to standard error; what gets past that is stray output between two frames, which the server logs.
 */
final class Descriptors
{
    private const CLOSE_ON_EXEC = 1;
    private const SET_FLAGS = 2;

    /** Stream that replaces descriptor 0 for the life of the process. */
    private static mixed $nothing = null;
    /** Level of the output buffer before descriptor 1; null without one. */
    private static ?int $bufferLevel = null;

    /**
     * Moves the relay's two ends to descriptors of their own.
     *
     * @return array{resource, resource}
     */
    public static function takePipes(): array
    {
        $pipes = self::keepFromChildren(static fn () => [fopen('php://fd/0', 'rb'), fopen('php://fd/1', 'wb')]);
        $libc = self::libc();
        // PHP writes to a stream that began as a socket by send(), which takes no other kind of descriptor.
        ToStandardError::instead(STDOUT);
        if ($libc !== null) {
            $nothing = $libc->open('/dev/null', 0);
            $libc->dup2($nothing, 0);
            $libc->close($nothing);
            $libc->dup2(2, 1);
            return $pipes;
        }
        fclose(STDIN);
        // The lowest free descriptor is the one that was just closed.
        self::$nothing = fopen('/dev/null', 'rb');
        self::$bufferLevel = ob_get_level();
        self::startBuffer();
        return $pipes;
    }

    /** Flushes output buffers between jobs, since their content belongs to the job that is over; `$level` is the initial number of buffers. */
    public static function flushOutput(int $level): void
    {
        $level = self::$bufferLevel ?? $level;
        while (ob_get_level() > $level && @ob_end_flush()) {
            continue;
        }
        if (self::$bufferLevel !== null) {
            self::startBuffer();
        }
    }

    private static function startBuffer(): void
    {
        ob_start(static function (string $text): string {
            fwrite(STDERR, $text);
            return '';
        }, 1);
    }

    /** Keeps children from inheriting the descriptors that `$open` opens, where possible. */
    public static function keepFromChildren(callable $open): mixed
    {
        $libc = self::libc();
        $before = $libc === null ? [] : self::all();
        $opened = $open();
        foreach ($libc === null ? [] : array_diff(self::all(), $before) as $descriptor) {
            $libc->fcntl((int) $descriptor, self::SET_FLAGS, self::CLOSE_ON_EXEC);
        }
        return $opened;
    }

    /** @return list<string> */
    private static function all(): array
    {
        // The listing has a descriptor of its own, which is closed by now.
        return array_values(array_filter(@scandir('/proc/self/fd') ?: [], static fn ($one) => @readlink("/proc/self/fd/$one") !== false));
    }

    private static function libc(): ?\FFI
    {
        static $libc = false;
        if ($libc !== false) {
            return $libc;
        }
        $isAllowed = PHP_OS_FAMILY === 'Linux' && extension_loaded('FFI') && @is_readable('/proc/self/fd');
        try {
            $declarations = 'int dup2(int, int); int close(int); int open(const char *, int, ...); int fcntl(int, int, ...);';
            return $libc = $isAllowed ? \FFI::cdef($declarations) : null;
        } catch (\Throwable) {
            // ffi.enable forbids it: PHP does what it can without it.
            return $libc = null;
        }
    }
}
