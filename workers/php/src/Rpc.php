<?php

declare(strict_types=1);

namespace RelayRunner;

/**
 * Calls procedures of the server over `RR_RPC`, or any address of its `rpc.listen`, in JSON. One connection, opened with the first call and
 * again when it was lost before a call.
 */
final class Rpc
{
    private const JSON = 0x08;
    private const PAYLOAD_BYTES_MAX = 64 * 1024 * 1024;

    /** @var resource|null */
    private $socket = null;
    private int $sequence = 0;

    public function __construct(private readonly string $address, private readonly int $timeoutSeconds = 60)
    {
    }

    /** Uses the address in RR_RPC. Throws a RuntimeException without one. */
    public static function fromEnvironment(): self
    {
        $address = getenv('RR_RPC');
        if ($address === false || $address === '') {
            throw new \RuntimeException('RR_RPC is not set: name the address of the server, rpc.listen in its rr.yaml');
        }
        return new self($address);
    }

    /** Calls a procedure, such as `jobs.Stat`, and returns its decoded answer. Throws a RuntimeException with the server's text. */
    public function call(string $method, mixed $argument = null): mixed
    {
        $payload = Json::strict($argument);
        if (strlen($payload) > self::PAYLOAD_BYTES_MAX) {
            throw new \RuntimeException("$method: the argument has " . strlen($payload) . ' bytes; 64 MB is the limit');
        }
        $this->sequence += 1;
        $head = chr(0x10 | 5) . chr(self::JSON) . pack('V', strlen($method) + strlen($payload));
        $frame = $head . pack('V', crc32($head)) . "\0\0" . pack('VV', $this->sequence, strlen($method)) . $method . $payload;
        $this->write($frame, $method);
        return $this->answer($method);
    }

    private function write(string $frame, string $method): void
    {
        // A connection that the server closed meanwhile reads as its end; nothing was sent yet, so another one may be tried.
        if ($this->socket !== null && ($this->hasEnded() || @fwrite($this->socket, '') === false)) {
            $this->close();
        }
        $socket = $this->socket ??= $this->open();
        for ($at = 0; $at < strlen($frame); $at += $written) {
            $written = @fwrite($socket, substr($frame, $at, 1 << 20));
            if ($written === false || $written === 0) {
                $this->close();
                throw new \RuntimeException("$method: the server at $this->address has gone");
            }
        }
    }

    /** @return resource */
    private function open()
    {
        $address = preg_match('~^(unix|tcp)://~', $this->address) === 1 ? $this->address : "tcp://$this->address";
        $socket = @stream_socket_client($address, $code, $message, 5);
        if ($socket === false) {
            throw new \RuntimeException("no server answers on $this->address: $message ($code). Start one with `rr serve`");
        }
        stream_set_timeout($socket, $this->timeoutSeconds);
        return $socket;
    }

    private function hasEnded(): bool
    {
        [$read, $write, $except] = [[$this->socket], null, null];
        return (int) @stream_select($read, $write, $except, 0) > 0 && feof($this->socket);
    }

    private function close(): void
    {
        if ($this->socket !== null) {
            fclose($this->socket);
            $this->socket = null;
        }
    }

    private function answer(string $method): mixed
    {
        do {
            $head = $this->exactly(12, $method);
            $options = $this->exactly(4 * ((ord($head[0]) & 0x0F) - 3), $method);
            $body = $this->exactly(unpack('V', $head, 2)[1], $method);
            // An answer of a call that was given up is passed over.
        } while (unpack('V', $options)[1] !== $this->sequence);
        $text = substr($body, unpack('V', $options, 4)[1]);
        if ((ord($head[1]) & Relay::ERROR) !== 0) {
            throw new \RuntimeException("$method: $text");
        }
        return $text === '' ? null : json_decode($text, true, 512, JSON_THROW_ON_ERROR);
    }

    private function exactly(int $count, string $method): string
    {
        $bytes = '';
        while (strlen($bytes) < $count) {
            $piece = @fread($this->socket, $count - strlen($bytes));
            if ($piece === '' || $piece === false) {
                $isLate = stream_get_meta_data($this->socket)['timed_out'];
                $this->close();
                $why = $isLate ? "did not answer within $this->timeoutSeconds s" : 'has gone';
                throw new \RuntimeException("$method: the server at $this->address $why");
            }
            $bytes .= $piece;
        }
        return $bytes;
    }
}
