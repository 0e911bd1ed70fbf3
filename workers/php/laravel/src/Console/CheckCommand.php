<?php

declare(strict_types=1);

namespace RelayRunner\Laravel\Console;

use Illuminate\Console\Command;
use Illuminate\Queue\Failed\NullFailedJobProvider;
use RelayRunner\Laravel\Settings;

/** Boots as a worker would and tells what is missing. Exits 1 where something is. */
final class CheckCommand extends Command
{
    protected $signature = 'relayrunner:check';

    protected $description = 'Tell whether this application can run jobs on RelayRunner';

    private bool $isFine = true;

    public function handle(): int
    {
        $config = $this->laravel->make('config');
        $settings = new Settings($config);
        $this->tell(extension_loaded('pcntl'), 'pcntl', 'time limits of jobs work', 'install ext-pcntl, or set pool.supervisor.exec_ttl', false);
        $this->attempt('cache', fn () => $this->laravel->make('cache')->store($settings->cacheStore())->get('relayrunner:check'), 'can be read');
        $this->tell(
            $settings->countsRuns() || $config->get('relayrunner.attempts') === 'receive_count',
            'attempts',
            'runs are counted in a cache that workers share',
            'the cache store is not shared between workers: set CACHE_DRIVER (or relayrunner.cache) to redis, memcached, database or dynamodb',
            false,
        );
        $this->attempt('failed jobs', function (): void {
            $failer = $this->laravel->make('queue.failer');
            if ($failer instanceof NullFailedJobProvider) {
                throw new \RuntimeException('queue.failed.driver is null: failed jobs are kept nowhere (php artisan queue:failed-table)');
            }
            $failer->find('00000000-0000-0000-0000-000000000000');
        }, 'the table can be read');
        $default = (string) $config->get('queue.default');
        $isSqs = $config->get("queue.connections.$default.driver") === 'sqs';
        if ($isSqs) {
            $this->tell(class_exists('Aws\Sqs\SqsClient'), 'SqsClient', 'jobs can be dispatched', 'composer require aws/aws-sdk-php', true);
        }
        return $this->isFine ? 0 : 1;
    }

    private function attempt(string $what, \Closure $try, string $good): void
    {
        try {
            $try();
            $this->tell(true, $what, $good, '', true);
        } catch (\Throwable $error) {
            $this->tell(false, $what, '', $error->getMessage(), true);
        }
    }

    private function tell(bool $isGood, string $what, string $good, string $bad, bool $isNeeded): void
    {
        $this->isFine = $this->isFine && ($isGood || !$isNeeded);
        $this->line($isGood ? "ok       $what: $good" : ($isNeeded ? "missing  $what: $bad" : "warning  $what: $bad"));
    }
}
