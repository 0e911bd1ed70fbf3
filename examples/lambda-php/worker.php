<?php
// One order per job: returning means done, throwing means that it is delivered again.
require __DIR__ . '/node_modules/relayrunner/workers/php/autoload.php';

use RelayRunner\{Context, Worker};

Worker::serve(function (string $body, Context $context) {
    if ($context->kind() === 'event') return ['ok' => true];
    $order = json_decode($body, true, flags: JSON_THROW_ON_ERROR);
    if (!is_int($order['order'])) throw new InvalidArgumentException('an order has a number');
    Worker::log('info', 'shipped', ['order' => $order['order'], 'attempt' => $context->get('attempt')]);
});
