<?php
// Ships the orders of a standard queue: they arrive in parallel, in any order, and possibly twice.
require __DIR__ . '/../../workers/php/autoload.php';

use RelayRunner\{Context, Verdict, Worker};

$folder = (getenv('STORE') ?: 'var') . '/shipped';
is_dir($folder) || @mkdir($folder, 0777, true);

Worker::serve(function (string $body, Context $context) use ($folder): void {
    if ($context->kind() === 'event') throw new InvalidArgumentException('this worker takes records of a queue');
    $order = readOrder($body);
    // A producer that sends an order twice gives both the same key. Without a key, a second delivery by SQS is still detected.
    $key = $order['key'] ?? $context->get('record')['messageId'];
    $label = labelOf($order, $context->get('attempt'));
    if (once($folder, $key, ['key' => $key, 'label' => $label])) Worker::log('info', 'shipped', ['key' => $key, 'label' => $label]);
    else Worker::log('info', 'shipped before', ['key' => $key]);
});

/** Gives up at once an order that can never be shipped: it goes to the dead-letter queue without five more attempts. */
function readOrder(string $body): array
{
    $order = json_decode($body, true);
    if (!is_array($order)) throw Verdict::fail('the body is not JSON');
    if (!is_array($order['items'] ?? null) || $order['items'] === []) throw Verdict::fail('an order without items');
    if (isset($order['key']) && !preg_match('/^[\w-]{1,100}$/D', $order['key'])) throw Verdict::fail('an invalid key');
    return $order;
}

function labelOf(array $order, ?int $attempt): string
{
    $label = "{$order['carrier']}, " . count($order['items']) . ' items';
    return match ($order['carrier']) {
        'post' => $label,
        // Express is overloaded at first: a wait that grows with each attempt is better than the queue's fixed time.
        'express' => $attempt < 3 ? throw Verdict::retry('express takes nothing now', 1000 * 2 ** $attempt) : $label,
        default => throw new RuntimeException("no carrier \"{$order['carrier']}\""),
    };
}

/** Writes the entry completely or not at all, and only for the first caller, like a unique index of a database. */
function once(string $folder, string $key, array $entry): bool
{
    $draft = "$folder/." . bin2hex(random_bytes(16));
    if (file_put_contents($draft, json_encode($entry)) === false) throw new RuntimeException("cannot write to $folder");
    try {
        if (@link($draft, "$folder/$key.json")) return true;
        return is_file("$folder/$key.json") ? false : throw new RuntimeException("cannot keep $folder/$key.json");
    } finally {
        unlink($draft);
    }
}
