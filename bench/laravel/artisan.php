<?php

/** The application of the tests with jobs that do next to nothing, and `queue:work` beside `relayrunner:work`. */

declare(strict_types=1);

$app = require __DIR__ . '/../../tests/fixtures/laravel/app.php';
require __DIR__ . '/jobs.php';

if (($argv[1] ?? '') === 'bodies') {
    // `bodies CLASS COUNT`: bodies as a queue in Redis has them, one a line.
    $queue = new class ($app['redis']) extends Illuminate\Queue\RedisQueue {
        public function body(object $job): string
        {
            return $this->createPayload($job, 'default');
        }
    };
    $queue->setContainer($app);
    $class = "Jobs\\$argv[2]";
    for ($at = 0; $at < (int) $argv[3]; $at += 1) {
        echo $queue->body(new $class("$at")), "\n";
    }
    exit(0);
}
$artisan = new Illuminate\Console\Application($app, $app['events'], $app->version());
$artisan->add(new Illuminate\Queue\Console\WorkCommand($app['queue.worker'], $app['cache.store']));
exit($artisan->run(new Symfony\Component\Console\Input\ArgvInput(), new Symfony\Component\Console\Output\NullOutput()));
