<?php

declare(strict_types=1);

namespace RelayRunner\Laravel\Jobs;

use RelayRunner\Context;
use RelayRunner\Verdict;

/**
 * A job that the server settles: deleting and releasing it only set flags, from which the worker's answer is made. A second message is
 * never sent, so nothing can be lost between two calls, and the queue's own count of deliveries goes on.
 */
trait SettledByServer
{
    private Context $context;
    private int $attempt = 1;
    private int $releaseSeconds = 0;

    /** Runs the job. A Verdict that it throws is no exception to count: it releases or fails the job. */
    public function fire(): void
    {
        try {
            parent::fire();
        } catch (Verdict $verdict) {
            $outcome = $verdict->outcome['outcome'] ?? 'stop';
            if ($outcome === 'fail') {
                $this->fail($verdict);
                return;
            }
            $this->release((int) ceil(($verdict->outcome['after_ms'] ?? 0) / 1000));
        }
    }

    public function delete(): void
    {
        $this->deleted = true;
    }

    /** @param \DateTimeInterface|\DateInterval|int $delay seconds, or the time until which the job waits */
    public function release($delay = 0): void
    {
        $this->released = true;
        $this->releaseSeconds = max(0, $delay instanceof \DateTimeInterface || $delay instanceof \DateInterval
            ? $this->secondsUntil($delay)
            : (int) $delay);
    }

    /** Takes back that the job was deleted or released, so that it can still fail. */
    public function reopen(): void
    {
        $this->deleted = false;
        $this->released = false;
    }

    /** Seconds that the released job asked to wait. */
    public function releaseSeconds(): int
    {
        return $this->releaseSeconds;
    }

    public function attempts(): int
    {
        return $this->attempt;
    }

    /** Sets what `attempts()` returns: the number of runs, this one included. */
    public function setAttempts(int $attempts): void
    {
        $this->attempt = $attempts;
    }

    /** Context that the server sent with the record. */
    public function context(): Context
    {
        return $this->context;
    }

    /** @return array<string, mixed> the record without its body, as its source delivered it */
    public function record(): array
    {
        $record = $this->context->get('record');
        return is_array($record) ? $record : [];
    }

    /** Milliseconds until Lambda's deadline; PHP_INT_MAX without one. */
    public function remainingMs(): int
    {
        return $this->context->remainingMs();
    }

    /** Group whose jobs keep their order; null without one. */
    public function group(): ?string
    {
        return $this->context->group();
    }
}
