<?php

declare(strict_types=1);

namespace RelayRunner\Laravel\Console;

use Illuminate\Console\Command;

/** Shows the queues of the running server, or pauses and resumes one. */
final class QueuesCommand extends Command
{
    use RunsServer;

    protected $signature = 'relayrunner:queues {action=list : list, pause or resume} {name? : The queue}';

    protected $description = 'Show, pause or resume the queues of the running server';

    public function handle(): int
    {
        $name = $this->argument('name');
        $action = $this->argument('action');
        if (!in_array($action, ['list', 'pause', 'resume'], true) || ($action !== 'list' && $name === null)) {
            $this->error('Say list, pause NAME or resume NAME.');
            return 2;
        }
        return $this->rr(['jobs', $action, ...($name === null ? [] : [$name])]);
    }
}
