<?php

declare(strict_types=1);

namespace RelayRunner\Laravel;

/** Why a job failed that the server gave up: it killed workers, or used up its queue's deliveries. */
final class GivenUp extends \RuntimeException
{
}
