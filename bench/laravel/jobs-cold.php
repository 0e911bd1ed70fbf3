<?php

/** The one job of a cold start. */

declare(strict_types=1);

namespace Jobs;

use Illuminate\Contracts\Queue\ShouldQueue;

final class Hello implements ShouldQueue
{
    public function handle(): void
    {
    }
}
