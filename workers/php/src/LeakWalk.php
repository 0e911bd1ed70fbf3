<?php

declare(strict_types=1);

namespace RelayRunner;

/**
 * Walks what outlives a job: global variables, static properties and variables, and what the handler holds. Counts the elements of the
 * arrays and collections it meets, and finds connections with an open transaction. Calls no method of the application.
 */
final class LeakWalk
{
    private const DEPTH_MAX = 8;
    private const VISITS_MAX = 20_000;
    /** Ours, which would only find itself. */
    private const OURS = 'RelayRunner\\';
    private const SUPER_GLOBALS = ['GLOBALS', '_GET', '_POST', '_COOKIE', '_FILES', '_REQUEST', '_ENV', 'argv', 'argc'];

    /** Elements by place, e.g. `static App\Cache::$items`. @var array<string, int> */
    public array $sizes = [];
    /** Places of connections with an open transaction. @var list<string> */
    public array $transactions = [];

    private int $visits = 0;
    /** @var array<int, true> */
    private array $seen = [];

    private function __construct()
    {
    }

    /** Walks from all roots; stops after a bounded number of values. */
    public static function of(mixed $handler): self
    {
        $walk = new self();
        foreach ($GLOBALS as $name => $value) {
            if (!in_array($name, self::SUPER_GLOBALS, true)) {
                $walk->visit("global \$$name", $value, 0);
            }
        }
        foreach (get_declared_classes() as $class) {
            $walk->visitClass(new \ReflectionClass($class));
        }
        foreach (get_defined_functions()['user'] as $name) {
            $walk->visitVariables(new \ReflectionFunction($name), "$name()");
        }
        if ($handler instanceof \Closure) {
            $walk->visitVariables(new \ReflectionFunction($handler), 'the handler');
            $walk->visit('the handler’s $this', (new \ReflectionFunction($handler))->getClosureThis(), 0);
        } else {
            $walk->visit('the handler', $handler, 0);
        }
        $walk->seen = [];
        return $walk;
    }

    private function visitClass(\ReflectionClass $class): void
    {
        if (!$class->isUserDefined() || str_starts_with($class->getName(), self::OURS)) {
            return;
        }
        foreach ($class->getStaticProperties() as $name => $value) {
            // One that is inherited is its parent's.
            if ($class->getProperty($name)->getDeclaringClass()->getName() === $class->getName()) {
                $this->visit("static {$class->getName()}::\$$name", $value, 0);
            }
        }
        foreach ($class->getMethods() as $method) {
            if ($method->isUserDefined() && $method->getDeclaringClass()->getName() === $class->getName()) {
                $this->visitVariables($method, "{$class->getName()}::{$method->getName()}()");
            }
        }
    }

    private function visitVariables(\ReflectionFunctionAbstract $function, string $place): void
    {
        try {
            $variables = $function->getStaticVariables();
        } catch (\Throwable) {
            // The initial value of one of them cannot be made, as it would fail in a call.
            return;
        }
        foreach ($variables as $name => $value) {
            if (is_array($value) || is_object($value)) {
                $this->visit("\$$name of $place", $value, 0);
            }
        }
    }

    private function visit(string $place, mixed $value, int $depth): void
    {
        if (++$this->visits > self::VISITS_MAX || $depth > self::DEPTH_MAX) {
            return;
        }
        if (is_array($value)) {
            $this->visitArray($place, $value, $depth);
        } elseif (is_object($value) && !isset($this->seen[spl_object_id($value)])) {
            $this->seen[spl_object_id($value)] = true;
            $this->visitObject($place, $value, $depth);
        }
    }

    private function visitArray(string $place, array $values, int $depth): void
    {
        $this->sizes[$place] = ($this->sizes[$place] ?? 0) + count($values);
        foreach ($values as $key => $value) {
            if (is_array($value) || is_object($value)) {
                // Elements of a list, and of a map of a thousand keys, share a place: only their sum is of use.
                $this->visit(is_string($key) && count($values) <= 50 ? "{$place}['$key']" : "{$place}[]", $value, $depth + 1);
            }
        }
    }

    private function visitObject(string $place, object $value, int $depth): void
    {
        if (str_starts_with($value::class, self::OURS) || $value instanceof \UnitEnum) {
            return;
        }
        $isOpen = ($value instanceof \PDO && $value->inTransaction())
            || ($value instanceof \PgSql\Connection && in_array(pg_transaction_status($value), [PGSQL_TRANSACTION_INTRANS, PGSQL_TRANSACTION_INERROR], true));
        if ($isOpen) {
            $this->transactions[] = $place;
        }
        $isCollection = (new \ReflectionClass($value))->isInternal() && $value instanceof \Countable;
        if ($isCollection) {
            $this->sizes[$place] = ($this->sizes[$place] ?? 0) + count($value);
        }
        if ($value instanceof \Closure) {
            return;
        }
        foreach (get_mangled_object_vars($value) as $name => $property) {
            if (is_array($property) || is_object($property)) {
                $this->visit("$place->" . preg_replace('~^\0.*\0~', '', (string) $name), $property, $depth + 1);
            }
        }
    }
}
