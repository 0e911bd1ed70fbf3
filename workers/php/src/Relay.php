<?php

declare(strict_types=1);

namespace RelayRunner;

/** Goridge frames over the relay that RR_RELAY names: blocking reads, one write a frame. */
final class Relay
{
    public const CONTROL = 0x01;
    public const ERROR = 0x40;

    /** Bits of a frame's stream byte. */
    public const MORE = 0x01;
    public const STOP = 0x02;
    public const PING = 0x04;
    public const PONG = 0x08;

    /**
     * @param resource $input
     * @param resource $output
     */
    private function __construct(private $input, private $output)
    {
        // PHP would read 8 KB at a time: a big payload is faster in one piece.
        stream_set_chunk_size($this->input, 65536);
        stream_set_read_buffer($this->input, 65536);
        stream_set_write_buffer($this->output, 0);
    }

    /** `pipes` (the default), `unix://PATH`, `tcp://HOST:PORT`. Throws when nobody listens there. */
    public static function connect(string $address): self
    {
        if (!str_contains($address, '://') || str_starts_with($address, 'pipes')) {
            return new self(...Descriptors::takePipes());
        }
        $socket = Descriptors::keepFromChildren(static function () use ($address, &$code, &$message) {
            return @stream_socket_client($address, $code, $message, 10);
        });
        if ($socket === false) {
            throw new \RuntimeException("cannot connect to the relay $address: $message ($code)");
        }
        return new self($socket, $socket);
    }

    /**
     * The stream that is ready when there is something to read.
     *
     * @return resource
     */
    public function input()
    {
        return $this->input;
    }

    /**
     * The next frame; null at the end of input.
     *
     * @return array{flags: int, stream: int, options: list<int>, payload: string}|null
     */
    public function read(): ?array
    {
        $head = $this->exactly(12);
        if ($head === null) {
            return null;
        }
        if (crc32(substr($head, 0, 6)) !== unpack('V', $head, 6)[1]) {
            throw new \RuntimeException('the server sent a frame with a wrong checksum: ' . bin2hex($head));
        }
        $count = (ord($head[0]) & 0x0F) - 3;
        $options = $count > 0 ? array_values(unpack("V$count", $this->exactly($count * 4) ?? '')) : [];
        $length = unpack('V', $head, 2)[1];
        $payload = $length > 0 ? $this->exactly($length) : '';
        $frame = ['flags' => ord($head[1]), 'stream' => ord($head[10]), 'options' => $options, 'payload' => $payload];
        return $payload === null ? null : $frame;
    }

    /** Tells whether a read would find something, if only the end of input. */
    public function hasInput(): bool
    {
        [$read, $write, $except] = [[$this->input], null, null];
        return (int) @stream_select($read, $write, $except, 0) > 0;
    }

    /**
     * Writes one frame; `$contextBytes` is the option of answers, null for control frames and errors without a context. Returns
     * false when the server has gone.
     */
    public function write(int $flags, string $payload, ?int $contextBytes = null, int $stream = 0): bool
    {
        $words = $contextBytes === null ? 3 : 4;
        $head = chr(0x10 | $words) . chr($flags) . pack('V', strlen($payload));
        $option = $contextBytes === null ? '' : pack('V', $contextBytes);
        $frame = $head . pack('V', crc32($head)) . chr($stream) . "\0" . $option . $payload;
        for ($at = 0; $at < strlen($frame); $at += $written) {
            $written = @fwrite($this->output, $at === 0 ? $frame : substr($frame, $at));
            if ($written === false || $written === 0) {
                return false;
            }
        }
        return true;
    }

    private function exactly(int $count): ?string
    {
        $bytes = '';
        while (($left = $count - strlen($bytes)) > 0) {
            $piece = @fread($this->input, $left);
            if ($piece === '' || $piece === false) {
                if (feof($this->input)) {
                    return null;
                }
                continue;
            }
            $bytes .= $piece;
        }
        return $bytes;
    }
}
