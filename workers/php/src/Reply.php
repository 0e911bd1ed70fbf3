<?php

declare(strict_types=1);

namespace RelayRunner;

/** A reply with a context of its own, for protocols that have one: HTTP's status and headers. Return it. */
final class Reply
{
    private bool $leaves = false;

    /**
     * @param mixed $body as any result: a string as it is, a generator or an open stream piece by piece, anything else as JSON
     * @param array<string, mixed> $context an empty map in it needs `(object) []`, or it becomes a JSON list
     */
    public function __construct(public readonly mixed $body = null, public readonly array $context = [])
    {
    }

    /** Returns the same reply, after which this worker leaves and is replaced. */
    public function thenLeave(): self
    {
        $copy = clone $this;
        $copy->leaves = true;
        return $copy;
    }

    public function leaves(): bool
    {
        return $this->leaves;
    }
}
