<?php
// The smallest Goridge worker: answers every job with {"ok":true}, after so many ms as its argument says; with the argument `echo` with the
// job's own body, with `ack` with the answer of a worker of RoadRunner's jobs. A second argument is the ms that its boot takes. Blocking reads
// on STDIN, one write a frame.
stream_set_read_buffer(STDIN, 0);

function exactly(int $count): string
{
    $bytes = '';
    while (strlen($bytes) < $count) {
        $piece = fread(STDIN, $count - strlen($bytes));
        if ($piece === '' || $piece === false) {
            exit(0);
        }
        $bytes .= $piece;
    }
    return $bytes;
}

function frame_head(int $words, int $flags, int $length): string
{
    $head = chr(0x10 | $words) . chr($flags) . pack('V', $length);
    return $head . pack('V', crc32($head)) . "\0\0";
}

$argument = $argv[1] ?? '0';
if (isset($argv[2])) {
    usleep(1000 * (int) $argv[2]);
}
while (true) {
    $head = exactly(12);
    $options = (ord($head[0]) & 0x0F) - 3;
    $context = $options > 0 ? unpack('V', exactly($options * 4))[1] : 0;
    $length = unpack('V', $head, 2)[1];
    $payload = $length > 0 ? exactly($length) : '';
    if (ord($head[1]) & 0x01) {
        if (isset(json_decode($payload, true)['stop'])) {
            exit(0);
        }
        $pid = json_encode(['pid' => getmypid()]);
        fwrite(STDOUT, frame_head(3, 0x01, strlen($pid)) . $pid);
        continue;
    }
    if ((int) $argument > 0) {
        usleep(1000 * (int) $argument);
    }
    $body = match ($argument) {
        'echo' => substr($payload, $context),
        'ack' => '{"type":0,"data":[]}',
        default => '{"ok":true}',
    };
    fwrite(STDOUT, frame_head(4, 0x04, strlen($body)) . pack('V', 0) . $body);
}
