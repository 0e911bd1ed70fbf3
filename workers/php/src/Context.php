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

    /** Any value of the context, e.g. `awsRequestId`, `record`, `tenantId`. */
    public function get(string $key): mixed
    {
        return $this->values[$key] ?? null;
    }

    /** `event`, `record`, `records` or `given_up`. */
    public function kind(): string
    {
        return $this->values['kind'] ?? 'event';
    }

    /** Where the event or record comes from, e.g. `aws:sqs`. */
    public function source(): ?string
    {
        return $this->values['source'] ?? null;
    }

    /** How often the record was received, this time included; null where the source does not count. */
    public function attempt(): ?int
    {
        return isset($this->values['attempt']) ? (int) $this->values['attempt'] : null;
    }

    /** The id that the queue gave the record. */
    public function messageId(): ?string
    {
        return self::text($this->record()['messageId'] ?? $this->record()['messageID'] ?? null);
    }

    /** What SQS wants to hear to delete the record or to change its visibility. */
    public function receiptHandle(): ?string
    {
        return self::text($this->record()['receiptHandle'] ?? null);
    }

    /** The name of the queue, stream, table or topic that the record comes from. */
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

    /** What keeps records in order among themselves: SQS's message group, the partition key of Kinesis. */
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
