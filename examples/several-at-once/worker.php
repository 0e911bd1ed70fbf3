<?php
// Runs many jobs in one process: each waits for something else, and is cancelled at its limit.
require __DIR__ . '/../../workers/php/autoload.php';

use RelayRunner\{Context, Loop, Worker};

Worker::serve(function (string $body, Context $context) {
    $waitMs = json_decode($body, true)['waitMs'] ?? 100;
    Loop::sleep($waitMs / 1000);
    Worker::log('info', 'waited', ['waitMs' => $waitMs]);
}, concurrency: 100);
