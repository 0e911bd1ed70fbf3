<?php

declare(strict_types=1);

namespace RelayRunner;

/**
 * Growth by the jobs of one name. A cache that is filled once does not count: growth is told when each of five jobs in a row added to it, and
 * again when their number has doubled. The first three jobs of a worker do not count.
 */
final class LeakGrowth
{
    private const WARM_UP = 3;
    private const ROW = 5;
    /** Less a job is noise. */
    private const MEMORY_MIN = 1024;

    /** How often in a row, and by how much. @var array<string, array{int, int}> */
    private array $rows = [];
    /** What has been told, with the jobs and the sum since the warm-up. @var array<string, array{int, int}> */
    private array $told = [];
    /** @var list<string> */
    private array $due = [];

    /**
     * Adds what one job did.
     *
     * @param array<string, int> $before
     * @param array<string, int> $after
     * @param int $job number of the job in its worker, from 1
     */
    public function add(array $before, array $after, int $job): void
    {
        if ($job <= self::WARM_UP) {
            return;
        }
        foreach ($after as $what => $level) {
            // What is seen for the first time has grown from nothing.
            $by = $level - ($before[$what] ?? 0);
            if ($by < ($what === 'memory' ? self::MEMORY_MIN : 1)) {
                unset($this->rows[$what]);
                continue;
            }
            [$count, $sum] = $this->rows[$what] ?? [0, 0];
            $this->rows[$what] = [$count + 1, $sum + $by];
            if (isset($this->told[$what])) {
                $this->told[$what] = [$this->told[$what][0] + 1, $this->told[$what][1] + $by];
            }
            $this->tell($what, $count + 1, $sum + $by);
        }
        // Nothing that has gone may be taken for the beginning of a row.
        $this->rows = array_intersect_key($this->rows, $after);
    }

    /** Returns, once, what is to be told by now. @return list<string> */
    public function due(): array
    {
        $due = $this->due;
        $this->due = [];
        return $due;
    }

    /** Returns what was told, with the sums. @return list<string> */
    public function totals(): array
    {
        $texts = [];
        foreach ($this->told as $what => [$count, $sum]) {
            $texts[] = self::text($what, $sum) . " over $count jobs";
        }
        return $texts;
    }

    private function tell(string $what, int $count, int $sum): void
    {
        $rows = intdiv($count, self::ROW);
        if ($count % self::ROW !== 0 || ($rows & ($rows - 1)) !== 0) {
            return;
        }
        $this->told[$what] ??= [$count, $sum];
        $this->due[] = self::text($what, $sum) . " over $count jobs in a row";
    }

    private static function text(string $what, int $sum): string
    {
        if ($what !== 'memory') {
            return "$what by $sum";
        }
        return 'memory by ' . ($sum < 10 * 1024 * 1024 ? intdiv($sum, 1024) . ' KB' : intdiv($sum, 1024 * 1024) . ' MB');
    }
}
