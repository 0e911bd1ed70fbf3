<?php

declare(strict_types=1);

namespace RelayRunner\Laravel;

use Illuminate\Contracts\Config\Repository as Config;
use RelayRunner\Context;

/** The file `config/relayrunner.php`, checked as it is read. */
final class Settings
{
    /** What keys can be; the first is the default. */
    private const CHOICES = [
        'attempts' => ['auto', 'cache', 'receive_count'],
        'failed' => ['laravel', 'queue', 'both'],
        'transactions' => ['roll_back', 'fail', 'off'],
        'maintenance' => ['run', 'retry'],
    ];

    /** Throws an InvalidArgumentException for a value that no key takes. */
    public function __construct(private readonly Config $config)
    {
        foreach (self::CHOICES as $key => $values) {
            $value = $config->get("relayrunner.$key", $values[0]);
            if (!in_array($value, $values, true)) {
                $text = is_scalar($value) ? var_export($value, true) : get_debug_type($value);
                throw new \InvalidArgumentException("config/relayrunner.php: $key is $text; it can be " . implode(', ', $values));
            }
        }
    }

    /** Name of the cache store for attempts, done jobs and restarts; null is the default one. */
    public function cacheStore(): ?string
    {
        return $this->config->get('relayrunner.cache');
    }

    /** Tells whether runs are counted in the cache. */
    public function countsRuns(): bool
    {
        $way = $this->choice('attempts');
        if ($way !== 'auto') {
            return $way === 'cache';
        }
        $store = $this->cacheStore() ?? $this->config->get('cache.default');
        // Stores that the workers of other machines do not share.
        return !in_array($this->config->get("cache.stores.$store.driver", $store), ['array', 'file', 'null', null], true);
    }

    public function writesFailedJobs(): bool
    {
        return $this->choice('failed') !== 'queue';
    }

    public function leavesFailedToQueue(): bool
    {
        return $this->choice('failed') !== 'laravel';
    }

    public function endsTransactions(): bool
    {
        return $this->choice('transactions') !== 'off';
    }

    public function failsOpenTransactions(): bool
    {
        return $this->choice('transactions') === 'fail';
    }

    public function waitsInMaintenance(): bool
    {
        return $this->choice('maintenance') === 'retry';
    }

    public function remembersDone(): bool
    {
        return $this->dedupeSeconds() > 0;
    }

    public function dedupeSeconds(): int
    {
        return (int) $this->config->get('relayrunner.dedupe');
    }

    public function logsJobs(): bool
    {
        return (bool) $this->config->get('relayrunner.log_jobs', true);
    }

    /** @return list<class-string> */
    public function resetters(): array
    {
        return array_values((array) $this->config->get('relayrunner.reset', []));
    }

    /** Class that handles bodies of this source which Laravel did not write; null without one. */
    public function foreignHandler(Context $context): ?string
    {
        // Names hold dots, which the config would take for levels.
        $handlers = (array) $this->config->get('relayrunner.foreign', []);
        $record = $context->get('record');
        $arn = is_array($record) ? ($record['eventSourceARN'] ?? null) : null;
        return $handlers[$arn ?? ''] ?? $handlers[$context->queue() ?? ''] ?? $handlers['*'] ?? null;
    }

    private function choice(string $key): string
    {
        return $this->config->get("relayrunner.$key", self::CHOICES[$key][0]);
    }
}
