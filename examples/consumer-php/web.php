<?php
// Answers HTTP: a job's context is the head of the request, a job's body its body; the reply has the same form.
require __DIR__ . '/../../workers/php/autoload.php';

use RelayRunner\{Context, Reply, Worker};

const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';

$routes = [
    '/hello' => ['GET' => hello(...)],
    '/form' => ['POST' => form(...)],
    '/upload' => ['POST' => upload(...)],
    '/binary' => ['GET' => binary(...)],
    '/cookies' => ['GET' => cookies(...)],
];

Worker::serve(function (string $body, Context $context) use ($routes): Reply {
    $route = $routes[parse_url($context->get('uri'), PHP_URL_PATH)] ?? null;
    if ($route === null) return json(['error' => 'no such page'], 404);
    $handler = $route[$context->get('method')] ?? null;
    if ($handler !== null) return $handler($context, $body);
    return json(['error' => 'not with this method'], 405, ['Allow' => array_keys($route)]);
});

function hello(Context $request): Reply
{
    parse_str($request->get('rawQuery'), $query);
    $name = is_string($query['name'] ?? null) ? $query['name'] : 'world';
    return new Reply("hello $name", ['status' => 200, 'headers' => ['Content-Type' => ['text/plain; charset=utf-8']]]);
}

/** Reads a parsed form: the body has its fields as JSON, `a[b]=1` as a nested object; an empty form has an empty body. */
function form(Context $request, string $body): Reply
{
    if (!$request->get('parsed')) return json(['error' => 'send a form'], 415);
    return json($body === '' ? (object) [] : json_decode($body));
}

/** Handles uploaded files. They exist at `tmpName` until the reply is sent; move those that you want to keep. */
function upload(Context $request): Reply
{
    $file = $request->get('uploads')['file'] ?? null;
    if (($file['error'] ?? null) !== UPLOAD_ERR_OK) return json(['error' => 'send a file in the field "file"'], 400);
    return json(['name' => $file['name'], 'size' => $file['size']]);
}

function binary(): Reply
{
    return new Reply(base64_decode(PIXEL), ['status' => 200, 'headers' => ['Content-Type' => ['image/png']]]);
}

/** Sets headers with several values, which Set-Cookie needs. Cookies of the request are already decoded. */
function cookies(Context $request): Reply
{
    return json((object) $request->get('cookies'), 200, ['Set-Cookie' => ['seen=1; Path=/; HttpOnly', 'theme=dark; Path=/']]);
}

function json(mixed $value, int $status = 200, array $headers = []): Reply
{
    $body = json_encode($value, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR);
    return new Reply($body, ['status' => $status, 'headers' => ['Content-Type' => ['application/json']] + $headers]);
}
