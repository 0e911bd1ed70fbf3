<?php

declare(strict_types=1);

namespace RelayRunner\Laravel\Reset;

use Illuminate\Contracts\Foundation\Application;
use Illuminate\Support\Once;
use Illuminate\Support\Str;
use RelayRunner\Laravel\Contracts\Resets;

/** Forgets what `once()` and `Str` keep in static memory. */
final class Remembered implements Resets
{
    public function reset(Application $app): void
    {
        if (class_exists(Once::class)) {
            Once::flush();
        }
        if (method_exists(Str::class, 'flushCache')) {
            Str::flushCache();
        }
    }
}
