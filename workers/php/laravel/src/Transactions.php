<?php

declare(strict_types=1);

namespace RelayRunner\Laravel;

use Illuminate\Contracts\Foundation\Application;
use RelayRunner\Leaks;

/**
 * Ends transactions that a job left open. The next jobs would run inside them, be acknowledged, and lose all their rows when the worker
 * stops.
 */
final class Transactions
{
    public function __construct(private readonly Application $app)
    {
    }

    /** Rolls back on every connection. @return list<string> names of the connections that had one open */
    public function rollBack(): array
    {
        if (!$this->app->resolved('db')) {
            return [];
        }
        $open = [];
        foreach ($this->app->make('db')->getConnections() as $name => $connection) {
            if ($connection->transactionLevel() > 0) {
                $open[] = (string) $name;
                try {
                    $connection->rollBack(0);
                } catch (\Throwable) {
                    // A connection that is lost has no transaction any more: a new one is opened when it is next used.
                    $connection->disconnect();
                }
            }
        }
        if ($open !== []) {
            Leaks::note('open transactions: rolled back on ' . implode(', ', $open));
        }
        return $open;
    }
}
