<?php

declare(strict_types=1);

namespace RelayRunner\Symfony\Transport;

use RelayRunner\Rpc;
use RelayRunner\Symfony\Inbox;
use Symfony\Component\Messenger\Envelope;
use Symfony\Component\Messenger\Exception\TransportException;
use Symfony\Component\Messenger\Stamp\DelayStamp;
use Symfony\Component\Messenger\Stamp\RedeliveryStamp;
use Symfony\Component\Messenger\Stamp\SentToFailureTransportStamp;
use Symfony\Component\Messenger\Stamp\TransportMessageIdStamp;
use Symfony\Component\Messenger\Transport\Serialization\SerializerInterface;
use Symfony\Component\Messenger\Transport\TransportInterface;

/**
 * Sends messages into a pipeline of a running server. It is the server that hands them to workers, so nothing is received here.
 *
 * Within a worker, a message that Messenger sends back for another try is not sent: the server delivers it again after the delay, so that
 * nothing can be lost between two calls, and the queue's own count goes on.
 */
final class RelayRunnerTransport implements TransportInterface
{
    public function __construct(
        private readonly Rpc $rpc,
        private readonly string $queue,
        private readonly SerializerInterface $serializer,
        private readonly Inbox $inbox,
    ) {
    }

    public function send(Envelope $envelope): Envelope
    {
        $delayMs = $envelope->last(DelayStamp::class)?->getDelay() ?? 0;
        // A message for a failure transport has both stamps.
        $comesAgain = $envelope->last(RedeliveryStamp::class) !== null && $envelope->last(SentToFailureTransportStamp::class) === null;
        if ($comesAgain && $this->inbox->retryLater($delayMs)) {
            return $envelope;
        }
        $encoded = $this->serializer->encode($envelope);
        $id = bin2hex(random_bytes(16));
        $headers = array_map(static fn ($value) => ['value' => [(string) $value]], $encoded['headers'] ?? []);
        try {
            $this->rpc->call('jobs.PushBatch', ['jobs' => [[
                'job' => $envelope->getMessage()::class,
                'id' => $id,
                'payload' => base64_encode($encoded['body']),
                'headers' => (object) $headers,
                'options' => ['pipeline' => $this->queue, 'delay' => (int) ceil($delayMs / 1000)],
            ]]]);
        } catch (\RuntimeException $error) {
            throw new TransportException($error->getMessage(), 0, $error);
        }
        return $envelope->with(new TransportMessageIdStamp($id));
    }

    /** @return list<Envelope> always none: `relayrunner:consume` is handed its messages by the server */
    public function get(): iterable
    {
        return [];
    }

    public function ack(Envelope $envelope): void
    {
    }

    public function reject(Envelope $envelope): void
    {
    }

    /** The serializer that reads what this transport wrote. */
    public function serializer(): SerializerInterface
    {
        return $this->serializer;
    }
}
