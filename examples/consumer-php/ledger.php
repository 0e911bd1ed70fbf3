<?php
// Keeps accounts from a FIFO queue: an account is a message group, so its movements arrive in order, one at a time.
require __DIR__ . '/../../workers/php/autoload.php';

use RelayRunner\{Context, Verdict, Worker};

$folder = (getenv('STORE') ?: 'var') . '/ledger';
is_dir($folder) || @mkdir($folder, 0777, true);

Worker::serve(function (string $body, Context $context) use ($folder): void {
    if ($context->kind() === 'event') throw new InvalidArgumentException('this worker takes records of a queue');
    ['account' => $account, 'number' => $number, 'amount' => $amount] = readMovement($body);
    // The order is guaranteed only within a group.
    $group = $context->get('record')['attributes']['MessageGroupId'];
    if ($group !== $account) throw Verdict::fail("a movement of $account in the group $group");
    $ledger = load($folder, $account);
    $next = count($ledger['amounts']) + 1;
    if ($number < $next) {
        Worker::log('info', 'applied before', ['account' => $account, 'number' => $number]);
        return;
    }
    if ($number > $next) throw Verdict::retry("movement $number of $account is here before $next");
    $balance = $ledger['balance'] + $amount;
    if ($balance < 0) throw Verdict::fail("$account would be overdrawn");
    save($folder, ['account' => $account, 'balance' => $balance, 'amounts' => [...$ledger['amounts'], $amount]]);
    Worker::log('info', 'applied', ['account' => $account, 'number' => $number]);
});

function readMovement(string $body): array
{
    $movement = json_decode($body, true);
    if (!is_array($movement)) throw Verdict::fail('the body is not JSON');
    ['account' => $account, 'number' => $number, 'amount' => $amount] = $movement + ['account' => '', 'number' => null, 'amount' => null];
    if (!is_string($account) || !preg_match('/^[\w-]{1,100}$/D', $account)) throw Verdict::fail('a movement without an account');
    if (!is_int($number) || !is_int($amount)) throw Verdict::fail("a movement of $account without numbers");
    return $movement;
}

function load(string $folder, string $account): array
{
    $file = "$folder/$account.json";
    if (!is_file($file)) return ['account' => $account, 'balance' => 0, 'amounts' => []];
    // The ledger cannot be read. After this error the movement and all later ones of its group are delivered again.
    return json_decode(file_get_contents($file), true, flags: JSON_THROW_ON_ERROR);
}

/** Replaces the file by one rename: if the worker dies before it, the ledger is unchanged and the movement is delivered again. */
function save(string $folder, array $ledger): void
{
    $draft = "$folder/.{$ledger['account']}.draft";
    $isKept = file_put_contents($draft, json_encode($ledger)) !== false && rename($draft, "$folder/{$ledger['account']}.json");
    if (!$isKept) throw new RuntimeException("cannot write to $folder");
}
