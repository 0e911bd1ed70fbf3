<?php

declare(strict_types=1);

namespace RelayRunner\Symfony;

use Symfony\Component\Messenger\Envelope;
use Symfony\Component\Messenger\Transport\Receiver\ReceiverInterface;

/**
 * The receiver of Messenger's worker: holds one message at a time. `get()` suspends the fiber in which the worker runs until the server has
 * sent the next one, so that one worker, with its listeners, lives as long as the process.
 */
final class Inbox implements ReceiverInterface
{
    private ?Envelope $next = null;
    private bool $isOpen = false;
    private bool $isFlushed = false;
    private bool $isAcknowledged = false;
    private bool $isRejected = false;
    private ?int $retryMs = null;

    /** Puts a message in, which the worker takes when its fiber goes on. */
    public function put(Envelope $envelope): void
    {
        $this->next = $envelope;
        $this->isOpen = true;
        $this->isFlushed = $this->isAcknowledged = $this->isRejected = false;
        $this->retryMs = null;
    }

    /** Ends the message, whatever has become of it. */
    public function close(): void
    {
        $this->isOpen = false;
    }

    /** @return list<Envelope> */
    public function get(): iterable
    {
        if ($this->isOpen && $this->next === null && !$this->isAcknowledged && !$this->isRejected && !$this->isFlushed) {
            // A handler of batches holds the message back: a turn without one lets the worker flush it.
            $this->isFlushed = true;
            return [];
        }
        if ($this->next === null) {
            \Fiber::suspend();
        }
        $envelope = $this->next;
        $this->next = null;
        return $envelope === null ? [] : [$envelope];
    }

    public function ack(Envelope $envelope): void
    {
        $this->isAcknowledged = true;
    }

    public function reject(Envelope $envelope): void
    {
        $this->isRejected = true;
    }

    /** Takes note that the message is to come again. Returns false when none is being handled. */
    public function retryLater(int $afterMs): bool
    {
        if ($this->isOpen) {
            $this->retryMs = max(0, $afterMs);
        }
        return $this->isOpen;
    }

    public function isAcknowledged(): bool
    {
        return $this->isAcknowledged;
    }

    public function isRejected(): bool
    {
        return $this->isRejected;
    }

    /** Milliseconds after which the message is to come again; null where it is not. */
    public function retryMs(): ?int
    {
        return $this->retryMs;
    }
}
