<?php

declare(strict_types=1);

namespace RelayRunner\Laravel\Reset;

use Illuminate\Contracts\Foundation\Application;
use RelayRunner\Laravel\Contracts\Resets;

/** Sets the locale back to that of the booted application. */
final class Locale implements Resets
{
    private readonly string $locale;

    public function __construct(Application $app)
    {
        $this->locale = $app->getLocale();
    }

    public function reset(Application $app): void
    {
        if ($app->getLocale() !== $this->locale) {
            $app->setLocale($this->locale);
        }
    }
}
