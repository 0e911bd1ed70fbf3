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
          consume: [QUEUE]
          pool:
            num_workers: 4
            max_jobs: 1000
            supervisor: { max_worker_memory: 192 }
          pipelines:
            QUEUE:
        PIPELINE
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
        $this->write($this->laravel->basePath('rr.yaml'), ($isLambda ? self::LAMBDA : $this->server()) . "\n");
        if ($isLambda) {
            $text = "#!/bin/sh\nexec \"\$LAMBDA_TASK_ROOT/node_modules/relayrunner/bootstrap\"\n";
            $this->write($this->laravel->basePath('bootstrap.sh'), $text, 0o755);
        }
        $this->line('Next: npm install relayrunner, then php artisan relayrunner:check and php artisan relayrunner:serve');
        return 0;
    }

    /** The file for a server of one's own, with the queue that the application dispatches to today. */
    private function server(): string
    {
        $config = $this->laravel->make('config');
        $name = (string) $config->get('queue.default');
        $settings = (array) $config->get("queue.connections.$name", []);
        $queue = (string) ($settings['queue'] ?? 'default');
        $pipeline = preg_replace('/[^A-Za-z0-9_-]+/', '-', basename($queue)) ?: 'default';
        $lines = $this->pipeline($settings, $queue);
        return strtr(self::SERVER, ['QUEUE' => $pipeline, 'PIPELINE' => implode("\n", array_map(static fn ($line) => "      $line", $lines))]);
    }

    /** @param array<string, mixed> $settings of the queue connection @return list<string> keys of its pipeline */
    private function pipeline(array $settings, string $queue): array
    {
        $config = $this->laravel->make('config');
        $retryAfter = (int) ($settings['retry_after'] ?? 90);
        switch ($settings['driver'] ?? '') {
            case 'redis':
                $prefix = (string) $config->get('database.redis.options.prefix', '');
                return [
                    'driver: laravel-redis      # needs: npm install ioredis',
                    'config:',
                    '  url: "redis://${REDIS_HOST:-127.0.0.1}:${REDIS_PORT:-6379}/' . (int) $config->get('database.redis.' . ($settings['connection'] ?? 'default') . '.database', 0) . '"',
                    "  queue: $queue",
                    '  prefix: ' . json_encode($prefix, JSON_UNESCAPED_SLASHES),
                    "  retry_after: $retryAfter",
                ];
            case 'database':
                $connection = (string) ($settings['connection'] ?? $config->get('database.default'));
                $driver = (string) $config->get("database.connections.$connection.driver");
                if (!in_array($driver, ['mysql', 'mariadb', 'pgsql'], true)) {
                    break;
                }
                [$scheme, $port, $package] = $driver === 'pgsql' ? ['postgres', 5432, 'pg'] : ['mysql', 3306, 'mysql2'];
                return [
                    "driver: laravel-database   # needs: npm install $package",
                    'config:',
                    "  url: \"$scheme://\${DB_USERNAME}:\${DB_PASSWORD}@\${DB_HOST:-127.0.0.1}:\${DB_PORT:-$port}/\${DB_DATABASE}\"   # rr --dotenv .env, or relayrunner:serve",
                    '  table: ' . $config->get("database.connections.$connection.prefix", '') . ($settings['table'] ?? 'jobs'),
                    "  queue: $queue",
                    "  retry_after: $retryAfter",
                ];
            case 'sqs':
                return ['driver: sqs                # needs: npm install @aws-sdk/client-sqs', 'config:', '  queue: ' . basename($queue)];
        }
        // Kept on the disk: dispatch to the connection `relayrunner`.
        return ['driver: journal            # dispatch to the connection "relayrunner": see docs/laravel.md'];
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
