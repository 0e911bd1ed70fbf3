<?php

declare(strict_types=1);

namespace RelayRunner\Laravel\Jobs;

use Illuminate\Contracts\Config\Repository as Config;
use RelayRunner\Context;

/** Tells which connection and queue of the application a record belongs to, so that chains and retries go where they came from. */
final class Origins
{
    public function __construct(private readonly Config $config)
    {
    }

    /** @return array{string, string} names of the connection and of the queue; a queue of another account or region is its URL */
    public function of(Context $context): array
    {
        $arn = $context->get('record')['eventSourceARN'] ?? null;
        $name = $context->queue() ?? 'default';
        if ($context->source() !== 'aws:sqs' || !is_string($arn)) {
            return [$this->given($name) ?? $this->ownConnection($context), $name];
        }
        $url = self::urlOf($arn);
        $connection = $this->given($arn) ?? $this->given($name) ?? $this->connectionOf($url) ?? $this->default();
        return [$connection, $this->queueOf($connection, $url, $name)];
    }

    private function given(string $key): ?string
    {
        $given = $this->config->get('relayrunner.connection');
        $name = is_array($given) ? ($given[$key] ?? null) : $given;
        return is_string($name) && $name !== '' ? $name : null;
    }

    private function default(): string
    {
        return (string) $this->config->get('queue.default', 'sync');
    }

    /** The connection of a queue of the server's own: the one that dispatches into it. */
    private function ownConnection(Context $context): string
    {
        $drivers = ['relayrunner', match ($context->source()) {
            'aws:rmq' => 'rabbitmq',
            'redis', 'laravel-redis' => 'redis',
            'laravel-database' => 'database',
            default => 'relayrunner',
        }];
        $isMeant = fn (string $name): bool => in_array($this->config->get("queue.connections.$name.driver"), $drivers, true);
        if ($isMeant($this->default())) {
            return $this->default();
        }
        foreach (array_keys((array) $this->config->get('queue.connections', [])) as $name) {
            if ($isMeant((string) $name)) {
                return (string) $name;
            }
        }
        return $this->default();
    }

    /** The first connection to SQS whose prefix is the URL's; the default connection comes first. */
    private function connectionOf(string $url): ?string
    {
        $connections = (array) $this->config->get('queue.connections', []);
        foreach (array_unique([$this->default(), ...array_keys($connections)]) as $name) {
            $settings = $connections[$name] ?? [];
            if (($settings['driver'] ?? null) === 'sqs' && $this->isBelow($settings, $url)) {
                return (string) $name;
            }
        }
        return null;
    }

    /** @param array<string, mixed> $settings of a connection */
    private function isBelow(array $settings, string $url): bool
    {
        $prefix = rtrim((string) ($settings['prefix'] ?? ''), '/');
        return $prefix !== '' && (parse_url($prefix, PHP_URL_PATH) ?? '') === dirname((string) parse_url($url, PHP_URL_PATH))
            && ($settings['region'] ?? null) === self::regionOf($url);
    }

    private function queueOf(string $connection, string $url, string $name): string
    {
        $settings = (array) $this->config->get("queue.connections.$connection", []);
        if (($settings['driver'] ?? null) === 'sqs' && !$this->isBelow($settings, $url)) {
            return $url;
        }
        $suffix = (string) ($settings['suffix'] ?? '');
        $ending = str_ends_with($name, '.fifo') ? '.fifo' : '';
        $stem = $ending === '' ? $name : substr($name, 0, -5);
        $isSuffixed = $suffix !== '' && $stem !== $suffix && str_ends_with($stem, $suffix);
        return ($isSuffixed ? substr($stem, 0, -strlen($suffix)) : $stem) . $ending;
    }

    /** The queue's URL of its ARN, `arn:aws:sqs:REGION:ACCOUNT:NAME`. */
    private static function urlOf(string $arn): string
    {
        [, $partition, , $region, $account, $name] = array_pad(explode(':', $arn, 6), 6, '');
        $domain = str_starts_with($partition, 'aws-cn') ? 'amazonaws.com.cn' : 'amazonaws.com';
        return "https://sqs.$region.$domain/$account/$name";
    }

    private static function regionOf(string $url): string
    {
        return explode('.', (string) parse_url($url, PHP_URL_HOST))[1] ?? '';
    }
}
