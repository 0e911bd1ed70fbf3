<?php

declare(strict_types=1);

namespace RelayRunner\Laravel\Contracts;

use RelayRunner\Context;

/** Handles records whose bodies Laravel did not write. The container makes it, so its constructor may ask for services. */
interface HandlesRecord
{
    /**
     * Handles one record, or a whole event where Lambda was not invoked by a queue. What it returns is the result, as for
     * RelayRunner\Worker::serve(); what it throws is reported, and the record comes again.
     */
    public function handle(string $body, Context $context): mixed;
}
