<?php

/** Jobs that cost nothing themselves. They stand apart, as their parent is there only once the application of the tests has booted. */

declare(strict_types=1);

namespace Jobs;

final class Nothing extends Base
{
    public function handle(): void
    {
    }
}

final class Waits extends Base
{
    public function handle(): void
    {
        usleep(50_000);
    }
}
