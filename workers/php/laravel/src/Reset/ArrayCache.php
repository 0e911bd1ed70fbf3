<?php

declare(strict_types=1);

namespace RelayRunner\Laravel\Reset;

use Illuminate\Contracts\Foundation\Application;
use RelayRunner\Laravel\Contracts\Resets;

/** Empties cache stores of the driver `array`, which are meant to live as long as one request or job. */
final class ArrayCache implements Resets
{
    public function reset(Application $app): void
    {
        if (!$app->resolved('cache')) {
            return;
        }
        foreach ($app->make('config')->get('cache.stores', []) as $name => $store) {
            if (($store['driver'] ?? null) === 'array') {
                $app->make('cache')->store($name)->flush();
            }
        }
    }
}
