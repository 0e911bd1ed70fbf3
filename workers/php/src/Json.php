<?php

declare(strict_types=1);

namespace RelayRunner;

/** Encodes JSON for the protocol: UTF-8 unescaped, invalid bytes replaced. */
final class Json
{
    private const FLAGS = JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_INVALID_UTF8_SUBSTITUTE;
    private const LOOKS_MAX = 2000;

    /** Throws a JsonException for what JSON cannot hold: INF, NAN, resources, recursion. Its message names the value. */
    public static function strict(mixed $value): string
    {
        try {
            return json_encode($value, self::FLAGS | JSON_THROW_ON_ERROR);
        } catch (\JsonException $error) {
            $left = self::LOOKS_MAX;
            $found = self::unencodable($value, '', $left);
            throw $found === null ? $error : new \JsonException("JSON cannot hold $found", $error->getCode(), $error);
        }
    }

    /** Names the first number or resource that JSON cannot hold, with its place; null where it is something else. */
    private static function unencodable(mixed $value, string $place, int &$left): ?string
    {
        // An array may hold itself.
        if ($left-- <= 0) {
            return null;
        }
        $type = get_debug_type($value);
        $isResource = str_starts_with($type, 'resource');
        if ($isResource || (is_float($value) && !is_finite($value))) {
            $what = $isResource ? "a $type" : "the number $value";
            return $place === '' ? $what : "$place, $what";
        }
        if (!is_array($value) && (!is_object($value) || $value instanceof \JsonSerializable)) {
            return null;
        }
        foreach (is_object($value) ? get_object_vars($value) : $value as $key => $one) {
            $found = self::unencodable($one, "{$place}[$key]", $left);
            if ($found !== null) {
                return $found;
            }
        }
        return null;
    }

    /** Never throws: what cannot be encoded becomes null or 0. */
    public static function lenient(mixed $value): string
    {
        return (string) json_encode($value, self::FLAGS | JSON_PARTIAL_OUTPUT_ON_ERROR);
    }
}
