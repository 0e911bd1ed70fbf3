<?php

declare(strict_types=1);

namespace RelayRunner\Laravel\Jobs;

use Aws\Sqs\SqsClient;
use Illuminate\Container\Container;
use Illuminate\Contracts\Queue\Job as JobContract;
use Illuminate\Queue\Jobs\SqsJob;
use RelayRunner\Context;

/**
 * A record of SQS as the SqsJob that jobs and listeners know. Laravel 13 keeps big bodies in a cache and sends a pointer: its SqsJob reads
 * them, and deletes one when its job is done.
 */
final class SqsRecordJob extends SqsJob implements JobContract
{
    use SettledByServer {
        delete as private markDeleted;
    }

    /** @param array<string, mixed> $overflow options of Laravel 13 for big bodies */
    public function __construct(
        Container $container,
        SqsClient $sqs,
        string $body,
        Context $context,
        string $connectionName,
        string $queue,
        array $overflow = [],
    ) {
        $this->context = $context;
        $record = $this->record();
        // The constructors of older versions have one parameter less, and ignore the options.
        parent::__construct($container, $sqs, [
            'MessageId' => $record['messageId'] ?? '',
            'ReceiptHandle' => $record['receiptHandle'] ?? '',
            'Body' => $body,
            'MD5OfBody' => $record['md5OfBody'] ?? md5($body),
            'Attributes' => $record['attributes'] ?? [],
            'MessageAttributes' => $record['messageAttributes'] ?? [],
        ], $connectionName, $queue, $overflow);
    }

    public function delete(): void
    {
        $this->markDeleted();
        if (method_exists($this, 'deleteOverflowPayload')) {
            $this->deleteOverflowPayload();
        }
    }
}
