<?php

declare(strict_types=1);

namespace RelayRunner\Laravel\Console;

use Symfony\Component\Process\ExecutableFinder;
use Symfony\Component\Process\Process;

/** Finds the server's program and runs it in the terminal of the command. */
trait RunsServer
{
    /** @param list<string> $arguments */
    private function rr(array $arguments): int
    {
        $local = $this->laravel->basePath('node_modules/.bin/rr');
        $program = is_file($local) ? $local : (new ExecutableFinder())->find('relayrunner');
        if ($program === null) {
            $this->error('relayrunner is neither in node_modules nor on PATH: npm install relayrunner');
            return 1;
        }
        $process = new Process([$program, ...$arguments], $this->laravel->basePath(), null, null, null);
        foreach (extension_loaded('pcntl') ? [SIGINT, SIGTERM] : [] as $signal) {
            pcntl_async_signals(true);
            pcntl_signal($signal, static fn () => $process->isRunning() ? $process->signal($signal) : null);
        }
        return $process->run(fn (string $type, string $text) => fwrite($type === Process::ERR ? STDERR : STDOUT, $text));
    }
}
