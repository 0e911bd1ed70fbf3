<?php

declare(strict_types=1);

namespace RelayRunner\Laravel\Reset;

use Illuminate\Contracts\Foundation\Application;
use RelayRunner\Laravel\Contracts\Resets;

/** Forgets the guards, and with them the user that a job logged in. */
final class AuthGuards implements Resets
{
    public function reset(Application $app): void
    {
        if ($app->resolved('auth')) {
            $app->make('auth')->forgetGuards();
        }
    }
}
