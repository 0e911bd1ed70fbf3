<?php

declare(strict_types=1);

namespace RelayRunner\Laravel\Contracts;

use Illuminate\Contracts\Foundation\Application;

/** Undoes what a job may have changed in the application. Run after each job; the container makes it once. */
interface Resets
{
    public function reset(Application $app): void;
}
