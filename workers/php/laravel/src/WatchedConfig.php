<?php

declare(strict_types=1);

namespace RelayRunner\Laravel;

use Illuminate\Config\Repository;
use Illuminate\Support\Arr;

/** Makes the application's configuration comparable, so that `rr dev --leaks` can name the keys that a job changed. */
final class WatchedConfig
{
    /** @return array<string, string> hashes of the values by their keys */
    public static function hashes(Repository $config): array
    {
        $hashes = [];
        foreach (Arr::dot($config->all()) as $key => $value) {
            // An object or a closure counts as changed when another class takes its place.
            $hashes[$key] = is_object($value) ? $value::class : md5(serialize($value));
        }
        return $hashes;
    }
}
