<?php

declare(strict_types=1);

namespace RelayRunner;

/** Encodes JSON for the protocol: UTF-8 unescaped, invalid bytes replaced. */
final class Json
{
    private const FLAGS = JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_INVALID_UTF8_SUBSTITUTE;

    /** Throws a JsonException for what JSON cannot hold: INF, NAN, resources, recursion. */
    public static function strict(mixed $value): string
    {
        return json_encode($value, self::FLAGS | JSON_THROW_ON_ERROR);
    }

    /** Never throws: what cannot be encoded becomes null or 0. */
    public static function lenient(mixed $value): string
    {
        return (string) json_encode($value, self::FLAGS | JSON_PARTIAL_OUTPUT_ON_ERROR);
    }
}
