<?php

declare(strict_types=1);

namespace RelayRunner\Laravel\Facades;

use Illuminate\Support\Facades\Facade;

/**
 * The running job's side of the server.
 *
 * @method static \RelayRunner\Context|null context()
 * @method static int remainingMs()
 * @method static never retry(int $seconds = 0, string $reason = '')
 * @method static void log(string $level, string $message, array $fields = [])
 */
final class RelayRunner extends Facade
{
    protected static function getFacadeAccessor(): string
    {
        return \RelayRunner\Laravel\RelayRunner::class;
    }
}
