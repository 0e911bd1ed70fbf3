<?php

declare(strict_types=1);

namespace RelayRunner\Symfony\Transport;

use RelayRunner\Jobs;
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
    private readonly Jobs $jobs;

    public function __construct(
        Rpc $rpc,
        private readonly string $queue,
        private readonly SerializerInterface $serializer,
        private readonly Inbox $inbox,
    ) {
        $this->jobs = new Jobs($rpc);
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
        try {
            $id = $this->jobs->push(
                $this->queue,
                $encoded['body'],
                $envelope->getMessage()::class,
                headers: $encoded['headers'] ?? [],
                delayMs: max(0, (int) $delayMs),
            );
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
