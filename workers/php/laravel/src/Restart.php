<?php

declare(strict_types=1);

namespace RelayRunner\Laravel;

/** Tells when `queue:restart` asks this worker to leave: looked up once a second at most, and spread over some seconds by chance. */
final class Restart
{
    private const SPREAD_MS = 5000;
    private const LOOK_MS = 1000;

    private mixed $first;
    private float $nextLookMs;
    private ?float $leaveAtMs = null;

    /** @param \Closure(): mixed $lookUp reads the time of the last `queue:restart` */
    public function __construct(private readonly \Closure $lookUp)
    {
        $this->first = $lookUp();
        $this->nextLookMs = self::nowMs() + self::LOOK_MS;
    }

    public function isDue(): bool
    {
        $now = self::nowMs();
        if ($this->leaveAtMs === null && $now >= $this->nextLookMs) {
            $this->nextLookMs = $now + self::LOOK_MS;
            if (($this->lookUp)() != $this->first) {
                $this->leaveAtMs = $now + random_int(0, self::SPREAD_MS);
            }
        }
        return $this->leaveAtMs !== null && $now >= $this->leaveAtMs;
    }

    private static function nowMs(): float
    {
        return hrtime(true) / 1e6;
    }
}
