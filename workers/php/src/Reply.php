<?php

declare(strict_types=1);

namespace RelayRunner;

/** A reply with a context of its own, for protocols that have one: HTTP's status and headers. Return it. */
final class Reply
{
    /**
     * @param mixed $body as any result: a string as it is, anything else as JSON
     * @param array<string, mixed> $context an empty map in it needs `(object) []`, or it becomes a JSON list
     */
    public function __construct(public readonly mixed $body, public readonly array $context)
    {
    }
}
