<?php

declare(strict_types=1);

namespace RelayRunner;

/** Stream filter that sends what is written to a stream to standard error instead. */
final class ToStandardError extends \php_user_filter
{
    /** Adds the filter to a stream for as long as the stream is open. */
    public static function instead(mixed $stream): void
    {
        stream_filter_register('relayrunner.stderr', self::class);
        stream_filter_append($stream, 'relayrunner.stderr', STREAM_FILTER_WRITE);
    }

    /**
     * @param resource $in
     * @param resource $out
     * @param int $consumed
     */
    public function filter($in, $out, &$consumed, bool $closing): int
    {
        while (($bucket = stream_bucket_make_writeable($in)) !== null) {
            fwrite(STDERR, $bucket->data);
            $consumed += $bucket->datalen;
        }
        return PSFS_FEED_ME;
    }
}
