<?php

declare(strict_types=1);

namespace RelayRunner;

/**
 * One job on its way to exactly one answer, whoever gives it: the handler, or a signal handler in the middle of it. The claim of the answer
 * is one opcode, and everything is encoded before it, so a signal between two opcodes can neither send a second answer nor tear a frame.
 */
final class Job
{
    // As often as RoadRunner's package asks.
    private const PIECES_PER_PING = 5;
    private const PIECE_BYTES_MAX = 65536;

    private int $claims = 0;
    private bool $isStreaming = false;
    private bool $isCut = false;
    private bool $leaves = false;

    /** @param ?int $id the number that the answer carries; null where the server sent none */
    public function __construct(private readonly Relay $relay, private readonly int $flags, private readonly ?int $id)
    {
    }

    /** Tells whether the job has its answer, or one is being streamed. */
    public function isAnswered(): bool
    {
        return $this->claims > 0;
    }

    /** Ends a stream after the current piece, after which the worker leaves. Returns false when nothing is streamed. */
    public function cut(): bool
    {
        $this->isCut = $this->isStreaming;
        return $this->isCut;
    }

    /** Tells whether the answer announced that the worker leaves. */
    public function leaves(): bool
    {
        return $this->leaves;
    }

    /** Answers with what a handler returned. Throws what cannot be encoded, and what a generator throws. */
    public function answer(mixed $result, bool $leaves = false): void
    {
        $leaves = $leaves || (($result instanceof Verdict || $result instanceof Reply) && $result->leaves());
        $context = $result instanceof Verdict ? $result->outcome : ($result instanceof Reply ? $result->context : []);
        $body = $result instanceof Verdict ? null : ($result instanceof Reply ? $result->body : $result);
        // The generator must have no other holder, or leaving it early would not run its `finally`.
        $result = null;
        if ($body instanceof \Generator || is_resource($body)) {
            $this->stream($context, $body, $leaves);
            return;
        }
        $head = $this->head($context, $leaves);
        $text = self::encode($body);
        if ($this->claim()) {
            $this->leaves = $leaves;
            $this->relay->write($this->flags, $head . $text, strlen($head));
        }
    }

    /** Answers with an error. */
    public function fail(\Throwable $error, bool $leaves = false): void
    {
        $head = $this->head([], $leaves);
        $text = Failure::text($error);
        if ($this->claim()) {
            $this->leaves = $leaves;
            $this->relay->write(Relay::ERROR, $head . $text, $head === '' ? null : strlen($head));
        }
    }

    /** Claims the answer; the caller that gets true sends it. A stream that has begun is ended by its own code only. */
    private function claim(): bool
    {
        if ($this->isStreaming) {
            $this->isStreaming = false;
            return true;
        }
        return $this->claims++ === 0;
    }

    private function stream(array $context, mixed &$body, bool $leaves): void
    {
        $count = 0;
        foreach (is_resource($body) ? self::pieces($body) : self::values($body) as $piece) {
            $text = self::encode($piece);
            $count += 1;
            $head = $this->head($count === 1 ? $context : [], false);
            if ($count === 1) {
                if ($this->claims++ > 0) {
                    return;
                }
                $this->isStreaming = true;
            }
            $asks = $count % self::PIECES_PER_PING === 0;
            $bits = Relay::MORE | ($asks ? Relay::PING : 0);
            $isWritten = $this->relay->write($this->flags, $head . $text, strlen($head), $bits);
            if (!$isWritten || $this->isStopped($asks) || $this->isCut) {
                break;
            }
        }
        // Runs its `finally` before the last frame, after which the job is over.
        $body = null;
        $leaves = $leaves || $this->isCut;
        $head = $this->head($count === 0 ? $context : [], $leaves);
        if ($this->claim()) {
            $this->leaves = $leaves;
            $this->relay->write($this->flags, $head, strlen($head));
        }
    }

    /** Reads the server's frames about the stream; waits for one after a ping. */
    private function isStopped(bool $waits): bool
    {
        while ($waits || $this->relay->hasInput()) {
            $frame = $this->relay->read();
            if ($frame === null || ($frame['stream'] & Relay::STOP) !== 0) {
                return true;
            }
            $waits = $waits && ($frame['stream'] & Relay::PONG) === 0;
        }
        return false;
    }

    /** Yields a generator's values without holding the generator itself, which `foreach` would keep alive. */
    private static function values(\Generator &$generator): \Generator
    {
        for (; $generator !== null && $generator->valid(); $generator->next()) {
            yield $generator->current();
        }
    }

    /** @param resource $stream */
    private static function pieces($stream): \Generator
    {
        try {
            while (!feof($stream)) {
                $piece = fread($stream, self::PIECE_BYTES_MAX);
                if ($piece === false) {
                    throw new \RuntimeException('the stream of the answer cannot be read');
                }
                if ($piece !== '') {
                    yield $piece;
                }
            }
        } finally {
            fclose($stream);
        }
    }

    /** Makes the context of a frame; empty when it has no values. */
    private function head(array $context, bool $leaves): string
    {
        if ($context === [] && !$leaves) {
            return $this->id === null ? '' : "{\"jobId\":$this->id}";
        }
        // A `stop` verdict already asks to leave, and allows no other key.
        $more = $leaves && !isset($context['stop']) ? ['leave' => true] : [];
        $number = $this->id === null ? [] : ['jobId' => $this->id];
        return Json::strict((object) array_replace($context, $more, $number));
    }

    private static function encode(mixed $result): string
    {
        return is_string($result) ? $result : ($result === null ? '' : Json::strict($result));
    }
}
