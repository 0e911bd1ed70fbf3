<?php

declare(strict_types=1);

namespace RelayRunner\Laravel\Console;

use Illuminate\Console\Command;

/** Writes `rr.yaml` and publishes the config. Never overwrites. */
final class InstallCommand extends Command
{
    protected $signature = 'relayrunner:install {--lambda : For AWS Lambda: write the bootstrap, too}';

    protected $description = 'Write rr.yaml and config/relayrunner.php';

    private const SERVER = <<<'YAML'
        # yaml-language-server: $schema=./node_modules/relayrunner/dist/rr.schema.json
        version: "3"

        server:
          command: "php artisan relayrunner:work --tries=1 --timeout=60"

        jobs:
          mode: raw
          consume: [default]
          pool:
            num_workers: 4
            max_jobs: 1000
            supervisor: { max_worker_memory: 192 }
          pipelines:
            default:
              driver: memory        # journal, redis, sqs, amqp: see docs/queues.md
        YAML;

    private const LAMBDA = <<<'YAML'
        # yaml-language-server: $schema=./node_modules/relayrunner/dist/rr.schema.json
        version: "3"

        server:
          command: "php artisan relayrunner:work --tries=1 --timeout=60"

        lambda:
          pool:
            num_workers: auto
            max_jobs: 1000
            supervisor: { max_worker_memory: 192 }
        YAML;

    public function handle(): int
    {
        $this->call('vendor:publish', ['--tag' => 'relayrunner-config']);
        $isLambda = (bool) $this->option('lambda');
        $this->write($this->laravel->basePath('rr.yaml'), ($isLambda ? self::LAMBDA : self::SERVER) . "\n");
        if ($isLambda) {
            $text = "#!/bin/sh\nexec \"\$LAMBDA_TASK_ROOT/node_modules/relayrunner/bootstrap\"\n";
            $this->write($this->laravel->basePath('bootstrap.sh'), $text, 0o755);
        }
        $this->line('Next: npm install relayrunner, then php artisan relayrunner:check and php artisan relayrunner:serve');
        return 0;
    }

    private function write(string $file, string $text, int $mode = 0o644): void
    {
        if (file_exists($file)) {
            $this->line("kept     $file, which is there");
            return;
        }
        file_put_contents($file, $text);
        chmod($file, $mode);
        $this->line("wrote    $file");
    }
}
