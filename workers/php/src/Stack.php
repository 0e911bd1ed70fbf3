<?php

declare(strict_types=1);

namespace RelayRunner;

/**
 * Tells where the handler is when the server asks by SIGUSR2. PHP calls it between two opcodes: within one long call into C it
 * comes when that returns; sleep() and other waits return early, as they do for any signal: so the server asks only when a job's time is up,
 * or when a person does.
 */
final class Stack
{
    private const FRAMES_MAX = 50;

    /** Begins to listen; false where PHP has no pcntl, and SIGUSR2 would kill the worker. */
    public static function listen(): bool
    {
        if (!function_exists('pcntl_async_signals') || !function_exists('pcntl_signal')) {
            return false;
        }
        pcntl_async_signals(true);
        return pcntl_signal(SIGUSR2, static function (): void {
            fwrite(STDERR, self::text(debug_backtrace(DEBUG_BACKTRACE_IGNORE_ARGS, self::FRAMES_MAX)));
        });
    }

    /**
     * One write, in the form of Python's faulthandler.
     *
     * @param list<array<string, mixed>> $frames each with the place of a call and the name of what was called there
     */
    private static function text(array $frames): string
    {
        $text = "Stack (most recent call first):\n";
        foreach ($frames as $at => $frame) {
            $caller = $frames[$at + 1] ?? ['function' => '{main}'];
            $name = ($caller['class'] ?? '') . ($caller['type'] ?? '') . $caller['function'];
            $text .= isset($frame['file']) ? "  File \"{$frame['file']}\", line {$frame['line']} in $name\n" : '';
        }
        return $text;
    }
}
