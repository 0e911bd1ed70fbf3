<?php

declare(strict_types=1);

namespace RelayRunner\Laravel\Testing;

use PHPUnit\Framework\Assert;
use RelayRunner\Verdict;

/** How a job ended: what the server would be told. */
final class RelayedResult
{
    /** @param mixed $answer as `Worker::handle` returned it */
    public function __construct(public readonly mixed $answer)
    {
    }

    /** Asserts that the message is acknowledged: the job is done, or its failure is in the table of failed jobs. */
    public function assertDone(): self
    {
        Assert::assertSame('done', $this->outcome(), 'The job was not acknowledged: ' . $this->reason());
        return $this;
    }

    /** Asserts that the job runs again, after so many seconds where they are given. */
    public function assertRetried(?int $after = null): self
    {
        Assert::assertSame('retry', $this->outcome(), 'The job does not run again: ' . $this->reason());
        if ($after !== null) {
            Assert::assertSame($after * 1000, $this->answer->outcome['after_ms'] ?? null, 'It does not wait as long.');
        }
        return $this;
    }

    /** Asserts that the message is left to the queue's own policy. */
    public function assertFailed(): self
    {
        Assert::assertSame('fail', $this->outcome(), 'The job was not left to the queue: ' . $this->reason());
        return $this;
    }

    private function outcome(): string
    {
        return $this->answer instanceof Verdict ? ($this->answer->outcome['outcome'] ?? 'stop') : 'done';
    }

    private function reason(): string
    {
        return $this->answer instanceof Verdict ? (string) ($this->answer->outcome['reason'] ?? 'another worker takes it') : 'done';
    }
}
