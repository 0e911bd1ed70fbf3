<?php

declare(strict_types=1);

namespace RelayRunner;

/** The server cancelled the job: it is over a limit, or its caller gave it up. Thrown in the job's fiber, where that waits. */
final class Cancelled extends \RuntimeException
{
    public function __construct()
    {
        parent::__construct('the server cancelled the job');
    }
}
