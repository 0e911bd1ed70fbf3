<?php
// Sends the mails of the queue: what it throws is a try that failed.
require __DIR__ . '/node_modules/relayrunner/workers/php/autoload.php';

use RelayRunner\{Context, Worker};

Worker::serve(function (string $body, Context $context): void {
    $mail = json_decode($body, true, flags: JSON_THROW_ON_ERROR);
    if (!is_string($mail['to'] ?? null)) throw new InvalidArgumentException('a mail without an address');
    Worker::log('info', 'sent', ['to' => $mail['to']]);
});
