<?php

declare(strict_types=1);

namespace RelayRunner\Laravel\Console;

use Illuminate\Console\Command;

/** Starts the server of this application. */
final class ServeCommand extends Command
{
    use RunsServer;

    protected $signature = 'relayrunner:serve {--dev : Restart workers when a file changes}';

    protected $description = 'Start the server with rr.yaml';

    public function handle(): int
    {
        return $this->rr($this->option('dev') ? ['dev'] : ['serve']);
    }
}
