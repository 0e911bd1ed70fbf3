<?php

declare(strict_types=1);

namespace RelayRunner;

/**
 * Reports what jobs change in this process and leave behind (`rr dev --leaks`): settings at once, growth when it repeats. Between the two
 * calls of a job it only looks: nothing is put back.
 */
final class Leaks
{
    /** Variable that switches it on. */
    private const SWITCH = 'RELAYRUNNER_LEAKS';
    private const NAMES_MAX = 100;

    private static ?self $running = null;
    /** @var array<string, callable(): array<string, string>> */
    private static array $watches = [];

    private LeakState $state;
    /** Name of the job that runs or ran last; null before the first. */
    private ?string $name = null;
    /** Id in brackets, to follow the name. */
    private string $id = '';
    private int $jobs = 0;
    /** What was measured when the last job began. @var array<string, int> */
    private array $levels = [];
    /** @var list<string> */
    private array $notes = [];
    /** @var array<string, LeakGrowth> */
    private array $growth = [];
    /** How many jobs of each name changed what. @var array<string, array<string, int>> */
    private array $changes = [];

    /** Begins to watch, where the server asks for it; null otherwise. What the handler holds is searched, too. */
    public static function start(callable $handler): ?self
    {
        if ((getenv(self::SWITCH) ?: '0') === '0') {
            return null;
        }
        return self::$running = new self($handler);
    }

    private function __construct(private readonly mixed $handler)
    {
        $this->state = LeakState::now([], $this->watched());
    }

    /** Gives the running job a better name than its queue's: the class of the job, for one. For integrations with frameworks. */
    public static function name(string $name): void
    {
        if (self::$running !== null) {
            self::$running->name = $name;
        }
    }

    /** Adds something that the running job left behind and an integration has put in order, e.g. `a transaction left open on mysql`. */
    public static function note(string $note): void
    {
        if (self::$running !== null) {
            self::$running->notes[] = $note;
        }
    }

    /**
     * Watches something of a framework's: members that jobs add, remove or change are told by their names. For integrations.
     *
     * @param callable(): array<string, string> $read hashes of the values by their names
     */
    public static function watch(string $what, callable $read): void
    {
        self::$watches[$what] = $read;
    }

    /** Call it before the handler of a job; `$frameBytes` is the size of what the server sent. */
    public function begin(Context $context, int $frameBytes): void
    {
        $late = $this->measure($frameBytes);
        if ($this->name !== null && $late !== []) {
            $this->count($late);
            Worker::log('warn', "leaks: after the answer of $this->name$this->id something changed " . implode('; ', $late));
        }
        $this->jobs += 1;
        $this->notes = [];
        $this->name = self::nameOf($context);
        $id = $context->messageId() ?? $context->get('id') ?? $context->get('awsRequestId');
        $this->id = is_string($id) && $id !== '' ? " ($id)" : '';
    }

    /** Call it behind the handler, before the answer: the line is then one of the job's own. */
    public function end(): void
    {
        $walk = LeakWalk::of($this->handler);
        $now = LeakState::now($walk->transactions, $this->watched());
        $changes = [...$now->changesSince($this->state), ...$this->notes];
        // Open buffers are flushed and ended with the answer.
        $this->state = $now->withBuffersOf($this->state);
        $this->count($changes);
        $grown = isset($this->growth[(string) $this->name]) ? $this->growth[(string) $this->name]->due() : [];
        $parts = $changes === [] ? [] : ['changed ' . implode('; ', $changes)];
        $parts = $grown === [] ? $parts : [...$parts, 'grew: ' . implode('; ', $grown)];
        if ($parts !== []) {
            Worker::log('warn', "leaks: $this->name$this->id " . implode(', and ', $parts));
        }
    }

    /** Logs what all jobs of this worker changed. */
    public function summary(): void
    {
        $this->measure(0);
        $lines = [];
        foreach ($this->changes as $name => $counts) {
            foreach ($counts as $change => $count) {
                $lines[$name][] = "$change ($count " . ($count === 1 ? 'job' : 'jobs') . ')';
            }
        }
        foreach ($this->growth as $name => $growth) {
            $lines[$name] = [...$lines[$name] ?? [], ...$growth->totals()];
        }
        $lines = array_filter($lines);
        if ($this->jobs === 0) {
            return;
        }
        $jobs = $this->jobs . ($this->jobs === 1 ? ' job' : ' jobs');
        if ($lines === []) {
            Worker::log('info', "leaks: $jobs left nothing behind");
        }
        foreach ($lines as $name => $found) {
            Worker::log('warn', "leaks: of $jobs, those named $name left behind: " . implode('; ', $found));
        }
    }

    /**
     * Measures what may grow, on behalf of the job before, and returns what changed since that job ended.
     *
     * @return list<string>
     */
    private function measure(int $frameBytes): array
    {
        gc_collect_cycles();
        $walk = LeakWalk::of($this->handler);
        $now = LeakState::now($walk->transactions, $this->watched());
        $late = $this->jobs === 0 ? [] : $now->changesSince($this->state);
        $this->state = $now;
        $levels = ['descriptors' => LeakState::descriptors()] + $walk->sizes;
        $levels['memory'] = memory_get_usage() - $frameBytes;
        if ($this->name !== null && count($this->growth) < self::NAMES_MAX) {
            $this->growth[$this->name] ??= new LeakGrowth();
        }
        if ($this->name !== null && isset($this->growth[$this->name])) {
            $this->growth[$this->name]->add($this->levels, $levels, $this->jobs);
        }
        $this->levels = $levels;
        return $late;
    }

    /** @return array<string, array<string, string>> */
    private function watched(): array
    {
        return array_map(static fn (callable $read) => $read(), self::$watches);
    }

    /** @param list<string> $changes each begins with what changed, which a colon may end */
    private function count(array $changes): void
    {
        $name = (string) $this->name;
        if (!isset($this->changes[$name]) && count($this->changes) >= self::NAMES_MAX) {
            return;
        }
        foreach ($changes as $change) {
            $what = explode(':', $change, 2)[0];
            $this->changes[$name][$what] = ($this->changes[$name][$what] ?? 0) + 1;
        }
    }

    private static function nameOf(Context $context): string
    {
        $job = $context->get('job');
        return is_string($job) && $job !== '' ? $job : $context->queue() ?? $context->source() ?? $context->kind();
    }
}
