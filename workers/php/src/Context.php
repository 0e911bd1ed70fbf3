<?php

declare(strict_types=1);

namespace RelayRunner;

/** What a handler knows about its job. Absent values are null. */
final class Context
{
    /** @param array<string, mixed> $values the context JSON as it came */
    public function __construct(public readonly array $values)
    {
    }

    /** Any value of the context, e.g. `awsRequestId`, `record`, `attempt`. */
    public function get(string $key): mixed
    {
        return $this->values[$key] ?? null;
    }

    /** `event` or `record`. */
    public function kind(): string
    {
        return $this->values['kind'] ?? 'event';
    }

    public function source(): ?string
    {
        return $this->values['source'] ?? null;
    }

    /** Milliseconds until Lambda's deadline; PHP_INT_MAX without one. */
    public function remainingMs(): int
    {
        $deadline = $this->values['deadlineMs'] ?? null;
        return $deadline === null ? PHP_INT_MAX : (int) ($deadline - microtime(true) * 1000);
    }
}
