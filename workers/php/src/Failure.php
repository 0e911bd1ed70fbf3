<?php

declare(strict_types=1);

namespace RelayRunner;

/** What was thrown, as Lambda's callers know errors: type, message, stack, and what it was caused by. */
final class Failure
{
    private const STACK_LINES_MAX = 50;
    private const CAUSES_MAX = 5;

    /** JSON whatever the error holds: bytes that are no UTF-8 are replaced. */
    public static function text(\Throwable $error): string
    {
        return Json::lenient(self::describe($error, self::CAUSES_MAX));
    }

    /** @return array<string, mixed> */
    private static function describe(\Throwable $error, int $causesLeft): array
    {
        $stack = array_slice(explode("\n", $error->getTraceAsString()), 0, self::STACK_LINES_MAX);
        $cause = $causesLeft > 0 ? $error->getPrevious() : null;
        return [
            // The name of an anonymous class goes on behind a NUL with the place of its file.
            'errorType' => explode("\0", $error::class)[0],
            'errorMessage' => $error->getMessage(),
            'stackTrace' => ["{$error->getFile()}:{$error->getLine()}", ...$stack],
        ] + ($cause === null ? [] : ['cause' => self::describe($cause, $causesLeft - 1)]);
    }
}
