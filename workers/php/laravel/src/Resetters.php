<?php

declare(strict_types=1);

namespace RelayRunner\Laravel;

use Illuminate\Contracts\Foundation\Application;
use RelayRunner\Laravel\Contracts\Resets;
use RelayRunner\Worker as Server;

/** Runs the resetters of `relayrunner.reset` after each job. One that throws is reported, and the others run. */
final class Resetters
{
    /** @var list<Resets> */
    private array $resetters = [];

    /** @param list<class-string> $classes */
    public function __construct(private readonly Application $app, array $classes)
    {
        foreach ($classes as $class) {
            $resetter = $app->make($class);
            if (!$resetter instanceof Resets) {
                throw new \InvalidArgumentException("config/relayrunner.php: reset names $class, which does not implement " . Resets::class);
            }
            $this->resetters[] = $resetter;
        }
    }

    public function run(): void
    {
        foreach ($this->resetters as $resetter) {
            try {
                $resetter->reset($this->app);
            } catch (\Throwable $error) {
                Server::log('error', $resetter::class . ' failed to reset the application', ['exception' => (string) $error]);
            }
        }
    }
}
