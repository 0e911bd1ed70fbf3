<?php

declare(strict_types=1);

namespace RelayRunner\Laravel\Console;

use Illuminate\Console\Command;

/** Shows the workers of the running server. */
final class WorkersCommand extends Command
{
    use RunsServer;

    protected $signature = 'relayrunner:workers';

    protected $description = 'Show the workers of the running server';

    public function handle(): int
    {
        return $this->rr(['workers']);
    }
}
