<?php

declare(strict_types=1);

namespace RelayRunner\Laravel;

use Illuminate\Contracts\Foundation\Application;

/** Makes an application fit Lambda, where only /tmp can be written and credentials come with a session token. */
final class LambdaEnvironment
{
    private const STORAGE = '/tmp/relayrunner/storage';

    public function __construct(private readonly Application $app)
    {
    }

    /** Moves the storage folder, adds the session token to AWS's services, and logs to the server. */
    public function apply(): void
    {
        if (!is_writable($this->app->storagePath())) {
            foreach (['app', 'framework/cache/data', 'framework/sessions', 'framework/views', 'logs'] as $folder) {
                @mkdir(self::STORAGE . "/$folder", 0o700, true);
            }
            $this->app->useStoragePath(self::STORAGE);
        }
        $config = $this->app->make('config');
        $token = getenv('AWS_SESSION_TOKEN');
        foreach (['queue.connections.sqs', 'cache.stores.dynamodb', 'filesystems.disks.s3', 'services.ses'] as $place) {
            $isOurs = $config->get("$place.key") === getenv('AWS_ACCESS_KEY_ID');
            if ($token !== false && $isOurs && $config->get("$place.token") === null) {
                $config->set("$place.token", $token);
            }
        }
        if ($config->get('logging.default') === 'stack' || $config->get('logging.default') === 'single') {
            $config->set('logging.default', 'relayrunner');
        }
    }
}
