<?php

declare(strict_types=1);

namespace RelayRunner\Laravel\Console;

use Illuminate\Console\Command;
use RelayRunner\Context;
use RelayRunner\Laravel\Worker;
use RelayRunner\Reply;
use RelayRunner\Verdict;

/** Runs one body in this process, without a server: for a debugger. */
final class TryCommand extends Command
{
    protected $signature = 'relayrunner:try
        {file : A file with the body of one message, or - for standard input}
        {--queue=default : The queue that it came from}
        {--attempt=1 : The number of its run}
        {--name=default} {--tries=1} {--backoff=0} {--timeout=0} {--memory=0} {--max-jobs=0} {--force}';

    protected $description = 'Run the body of one message in this process';

    public function handle(Worker $worker): int
    {
        $file = $this->argument('file');
        $body = @file_get_contents($file === '-' ? 'php://stdin' : $file);
        if ($body === false) {
            $this->error("$file cannot be read.");
            return 1;
        }
        $context = new Context([
            'kind' => 'record',
            'source' => 'relayrunner',
            'attempt' => (int) $this->option('attempt'),
            'record' => ['queue' => $this->option('queue'), 'messageId' => 'try'],
        ]);
        $result = $worker->handle($body, $context, WorkCommand::workerOptions($this));
        if ($result instanceof Verdict) {
            $this->line('Answer: ' . json_encode($result->outcome, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE));
            return ($result->outcome['outcome'] ?? '') === 'fail' ? 1 : 0;
        }
        $this->line('Answer: done');
        return 0;
    }
}
