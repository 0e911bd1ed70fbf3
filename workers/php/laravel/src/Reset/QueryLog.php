<?php

declare(strict_types=1);

namespace RelayRunner\Laravel\Reset;

use Illuminate\Contracts\Foundation\Application;
use RelayRunner\Laravel\Contracts\Resets;

/** Empties the query logs of open database connections, which would grow with every job. */
final class QueryLog implements Resets
{
    public function reset(Application $app): void
    {
        if (!$app->resolved('db')) {
            return;
        }
        foreach ($app->make('db')->getConnections() as $connection) {
            $connection->flushQueryLog();
        }
    }
}
