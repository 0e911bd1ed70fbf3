<?php
// Answers HTTP: a job's context is the head of the request, a job's body its body; the reply has the same form.
require __DIR__ . '/../../workers/php/autoload.php';

use RelayRunner\{Context, Reply, Worker};

Worker::serve(fn (string $body, Context $request): Reply => match (parse_url($request->get('uri'), PHP_URL_PATH)) {
    '/' => page(),
    '/upload' => upload($request),
    '/events' => events(),
    default => text('no such page', 404),
});

function page(): Reply
{
    return new Reply(<<<'HTML'
        <!doctype html>
        <link rel="stylesheet" href="/style.css">
        <form method="post" action="/upload" enctype="multipart/form-data"><input type="file" name="file"><button>Send</button></form>
        HTML, head(200, 'text/html; charset=utf-8'));
}

/** Tells the size of a file, which is on disk while the request runs: move it to keep it. */
function upload(Context $request): Reply
{
    $file = $request->get('uploads')['file'] ?? null;
    if (($file['error'] ?? null) !== UPLOAD_ERR_OK) return text('send a file in the field "file"', 400);
    return text("{$file['name']} has " . filesize($file['tmpName']) . " bytes");
}

/** Sends events, each as it comes. */
function events(): Reply
{
    $events = (function (): Generator {
        for ($count = 1; $count <= 5; $count++) {
            yield "data: $count\n\n";
            usleep(100_000);
        }
    })();
    return new Reply($events, head(200, 'text/event-stream'));
}

function text(string $text, int $status = 200): Reply
{
    return new Reply("$text\n", head($status, 'text/plain; charset=utf-8'));
}

function head(int $status, string $type): array
{
    return ['status' => $status, 'headers' => ['Content-Type' => [$type]]];
}
