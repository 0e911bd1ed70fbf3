<?php

declare(strict_types=1);

namespace RelayRunner;

/** Describes an error as Lambda's callers know it: type, message, stack and cause. */
final class Failure
{
    private const STACK_LINES_MAX = 50;
    private const CAUSES_MAX = 5;

    /** Returns the error as JSON; bytes that are not UTF-8 are replaced. */
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
            // The name of an anonymous class continues after a NUL with the place of its file.
            'errorType' => explode("\0", $error::class)[0],
            'errorMessage' => $error->getMessage(),
            'stackTrace' => ["{$error->getFile()}:{$error->getLine()}", ...$stack],
        ] + ($cause === null ? [] : ['cause' => self::describe($cause, $causesLeft - 1)]);
    }
}
