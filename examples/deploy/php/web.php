<?php
// Answers requests.
require __DIR__ . '/node_modules/relayrunner/workers/php/autoload.php';

use RelayRunner\{Context, Reply, Worker};

Worker::serve(fn (string $body, Context $request): Reply => new Reply("hello\n", [
    'status' => 200,
    'headers' => ['Content-Type' => ['text/plain; charset=utf-8']],
]));
