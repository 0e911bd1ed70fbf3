<?php

declare(strict_types=1);

namespace RelayRunner;

/** Verdict beside "done": retry, fail, or stop this worker. A handler returns or throws it. */
final class Verdict extends \Exception
{
    private bool $leaves = false;

    /** @param array<string, mixed> $outcome the context of the answer */
    private function __construct(public readonly array $outcome, string $message)
    {
        parent::__construct($message);
    }

    /** The job is delivered again; not before $afterMs, where the server owns the queue. */
    public static function retry(string $reason = 'the handler asked for another try', ?int $afterMs = null): self
    {
        $after = $afterMs === null ? [] : ['after_ms' => $afterMs];
        return new self(['outcome' => 'retry', 'reason' => $reason] + $after, $reason);
    }

    /** No further try will help: the record is left to `lambda.failed`. */
    public static function fail(string $reason): self
    {
        return new self(['outcome' => 'fail', 'reason' => $reason], $reason);
    }

    /** Makes this worker leave instead of answering; the job goes to another one. */
    public static function stop(): self
    {
        return (new self(['stop' => true], 'the worker asked to leave'))->thenLeave();
    }

    /** Returns the same verdict, after which this worker leaves and is replaced. */
    public function thenLeave(): self
    {
        $this->leaves = true;
        return $this;
    }

    public function leaves(): bool
    {
        return $this->leaves;
    }
}
