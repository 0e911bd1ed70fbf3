<?php

declare(strict_types=1);

namespace RelayRunner;

/** Context of a job as its handler sees it. Absent values are null. */
final class Context
{
    private bool $isCancelled = false;
    /** @var list<callable> */
    private array $onCancel = [];

    /** @param array<string, mixed> $values the context JSON as it came */
    public function __construct(public readonly array $values)
    {
    }

    /** Tells whether the server cancelled the job, which it does in workers that run several at once; others it ends. */
    public function isCancelled(): bool
    {
        return $this->isCancelled;
    }

    /** Calls `$act` when the server cancels the job; at once when it has. */
    public function onCancel(callable $act): void
    {
        if ($this->isCancelled) {
            $act();
        } else {
            $this->onCancel[] = $act;
        }
    }

    /** Cancels the job. For the worker's own loop. */
    public function cancel(): void
    {
        $this->isCancelled = true;
        foreach ($this->onCancel as $act) {
            $act();
        }
        $this->onCancel = [];
    }

    /** Returns any value of the context, e.g. `awsRequestId`, `record`, `tenantId`. */
    public function get(string $key): mixed
    {
        return $this->values[$key] ?? null;
    }

    /** `event`, `record`, `records` or `given_up`. */
    public function kind(): string
    {
        return $this->values['kind'] ?? 'event';
    }

    /** Source of the event or record, e.g. `aws:sqs`. */
    public function source(): ?string
    {
        return $this->values['source'] ?? null;
    }

    /** Number of times that the record was received, this one included; null where the source does not count. */
    public function attempt(): ?int
    {
        return isset($this->values['attempt']) ? (int) $this->values['attempt'] : null;
    }

    /** Id that the queue gave the record. */
    public function messageId(): ?string
    {
        return self::text($this->record()['messageId'] ?? $this->record()['messageID'] ?? null);
    }

    /** Handle with which SQS deletes the record or changes its visibility. */
    public function receiptHandle(): ?string
    {
        return self::text($this->record()['receiptHandle'] ?? null);
    }

    /** Name of the queue, stream, table or topic that the record comes from. */
    public function queue(): ?string
    {
        $record = $this->record();
        $arn = (string) self::text($record['eventSourceARN'] ?? null);
        if (preg_match('~:table/([^/]+)~', $arn, $table) === 1) {
            return $table[1];
        }
        return self::text($record['topic'] ?? $record['destination']['physicalName'] ?? null)
            ?? ($arn === '' ? self::text($record['queue'] ?? $this->values['queue'] ?? null) : preg_replace('~^.*[:/]~', '', $arn));
    }

    /** Group whose records keep their order: SQS's message group, the partition key of Kinesis. */
    public function group(): ?string
    {
        $record = $this->record();
        return self::text($record['attributes']['MessageGroupId'] ?? $record['kinesis']['partitionKey'] ?? null);
    }

    /** Milliseconds until Lambda's deadline; PHP_INT_MAX without one. */
    public function remainingMs(): int
    {
        $deadline = $this->values['deadlineMs'] ?? null;
        return $deadline === null ? PHP_INT_MAX : (int) ($deadline - microtime(true) * 1000);
    }

    /** @return array<string, mixed> */
    private function record(): array
    {
        $record = $this->values['record'] ?? null;
        return is_array($record) ? $record : [];
    }

    private static function text(mixed $value): ?string
    {
        return is_scalar($value) && $value !== '' ? (string) $value : null;
    }
}
