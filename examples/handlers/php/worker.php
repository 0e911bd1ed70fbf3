<?php
// A worker in ten lines: `do` in a record's body says what happens to it; an event is answered with where it came from.
require __DIR__ . '/../../../workers/php/autoload.php';

use RelayRunner\{Context, Verdict, Worker};

Worker::serve(function (string $body, Context $context) {
    Worker::log('info', 'job', ['kind' => $context->kind(), 'source' => $context->source()]);
    if ($context->kind() === 'event') return ['ok' => true, 'source' => $context->source(), 'kind' => 'event'];
    $job = json_decode($body, true);
    return match ($job['do'] ?? null) {
        'throw' => throw new RuntimeException('told to throw'),
        'die' => exit(9),
        'sleep' => usleep($job['ms'] * 1000),
        'retry' => throw Verdict::retry('told to retry', 1000),
        'fail' => throw Verdict::fail('told to fail'),
        default => null,
    };
});
