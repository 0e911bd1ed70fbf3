<?php

declare(strict_types=1);

namespace RelayRunner\Laravel\Console;

use Illuminate\Console\Command;

/** Replaces all workers of the running server. */
final class ResetCommand extends Command
{
    use RunsServer;

    protected $signature = 'relayrunner:reset';

    protected $description = 'Replace all workers, each after its job';

    public function handle(): int
    {
        return $this->rr(['reset']);
    }
}
