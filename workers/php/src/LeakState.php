<?php

declare(strict_types=1);

namespace RelayRunner;

/**
 * State of the process that one job can leave for the next. Values of the environment are compared and never told, as they may be
 * secrets; of the settings in php.ini those are told that cannot be.
 */
final class LeakState
{
    /** Signals whose handlers are looked at. SIGALRM is set anew for each job where jobs have time limits. */
    private const SIGNALS = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGTERM', 'SIGCHLD'];
    private const HARMLESS = '~^[\w.%/+-]{0,40}$~';
    /** What the worker itself sets for each job. */
    private const OURS = ['_X_AMZN_TRACE_ID' => true];

    /**
     * @param array<string, mixed> $values
     * @param array<string, array<string, string>> $maps hashes of values by name: of the environment, and of what integrations watch
     * @param array<string, mixed> $settings
     */
    private function __construct(
        private readonly array $values,
        private readonly array $maps,
        private readonly array $settings,
    ) {
    }

    /**
     * @param list<string> $transactions places of connections with an open transaction
     * @param array<string, array<string, string>> $watched maps of integrations
     */
    public static function now(array $transactions, array $watched): self
    {
        $values = [
            'working directory' => (string) getcwd(),
            'locale' => self::locale(),
            'time zone' => date_default_timezone_get(),
            'umask' => sprintf('%04o', umask()),
            'error handler' => self::handler(set_error_handler(...), restore_error_handler(...)),
            'exception handler' => self::handler(set_exception_handler(...), restore_exception_handler(...)),
            'autoload functions' => count(spl_autoload_functions()),
            'output buffers' => ob_get_level(),
            'open transactions' => implode(', ', $transactions),
        ];
        foreach (function_exists('pcntl_signal_get_handler') ? self::SIGNALS : [] as $name) {
            $values["handler of $name"] = pcntl_signal_get_handler(constant($name));
        }
        $settings = (ini_get_all(null, false) ?: []) + ['multibyte encoding' => function_exists('mb_internal_encoding') ? mb_internal_encoding() : ''];
        // They follow the locale and the time zone, which are told as such.
        unset($settings['date.timezone']);
        $environment = array_map(md5(...), array_diff_key(getenv(), self::OURS));
        return new self($values, ['environment' => $environment] + $watched, $settings);
    }

    /** Number of open descriptors; 0 where the system does not list them. */
    public static function descriptors(): int
    {
        return count(@scandir('/proc/self/fd') ?: []);
    }

    /** Returns this state with the output buffers of another one. */
    public function withBuffersOf(self $other): self
    {
        $buffers = ['output buffers' => $other->values['output buffers']];
        return new self(array_replace($this->values, $buffers), $this->maps, $this->settings);
    }

    /** Returns what differs from an earlier state, each as `what: from → to`. @return list<string> */
    public function changesSince(self $earlier): array
    {
        $changes = [];
        foreach ($this->values as $what => $value) {
            $was = $earlier->values[$what] ?? null;
            if ($value !== $was) {
                $changes[] = "$what: " . self::text($was) . ' → ' . self::text($value);
            }
        }
        foreach ($this->maps as $what => $map) {
            $names = self::names($earlier->maps[$what] ?? $map, $map);
            if ($names !== '') {
                $changes[] = "$what: $names";
            }
        }
        foreach ($this->settings as $what => $value) {
            $was = $earlier->settings[$what] ?? null;
            if ($value !== $was) {
                $name = $what === 'include_path' ? 'include path' : "setting $what";
                $changes[] = "$name: " . self::setting($what, $was) . ' → ' . self::setting($what, $value);
            }
        }
        return $changes;
    }

    /**
     * Names the members that were added (+), removed (-) and changed (~).
     *
     * @param array<string, string> $before
     * @param array<string, string> $after
     */
    private static function names(array $before, array $after): string
    {
        $added = array_map(static fn ($name) => "+$name", array_keys(array_diff_key($after, $before)));
        $removed = array_map(static fn ($name) => "-$name", array_keys(array_diff_key($before, $after)));
        $changed = array_keys(array_filter($after, static fn ($value, $name) => isset($before[$name]) && $before[$name] !== $value, ARRAY_FILTER_USE_BOTH));
        return implode(' ', [...$added, ...$removed, ...array_map(static fn ($name) => "~$name", $changed)]);
    }

    /** The handler in force, which is only told to who replaces it. */
    private static function handler(callable $replace, callable $restore): mixed
    {
        $handler = $replace(static fn () => false);
        $restore();
        return $handler;
    }

    /** The locale, or of one that is set by category those other than C. */
    private static function locale(): string
    {
        $all = (string) setlocale(LC_ALL, '0');
        $parts = array_filter(explode(';', $all), static fn ($part) => !str_ends_with($part, '=C'));
        return implode(' ', $parts) ?: 'C';
    }

    private static function setting(string $name, mixed $value): string
    {
        if ($value === null || $value === '') {
            return 'none';
        }
        $isPath = $name === 'include_path';
        return $isPath || preg_match(self::HARMLESS, (string) $value) === 1 ? (string) $value : '(another value)';
    }

    private static function text(mixed $value): string
    {
        if ($value === null || $value === '') {
            return 'none';
        }
        if (is_scalar($value)) {
            return (string) $value;
        }
        if ($value instanceof \Closure) {
            $about = new \ReflectionFunction($value);
            return $about->getFileName() === false ? $about->getName() : "a closure in {$about->getFileName()}:{$about->getStartLine()}";
        }
        if (is_array($value)) {
            return (is_object($value[0] ?? '') ? $value[0]::class : (string) ($value[0] ?? '')) . '::' . (string) ($value[1] ?? '');
        }
        return get_debug_type($value);
    }
}
