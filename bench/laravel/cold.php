<?php

/** An application that boots from its `config` folder or its cached configuration, as a deployed one does. `cold.php write` makes the files. */

declare(strict_types=1);

use Illuminate\Foundation\Application;
use Illuminate\Foundation\Bootstrap;

require (getenv('RELAYRUNNER_LARAVEL') ?: '/usr/share/php') . '/Illuminate/autoload.php';
require __DIR__ . '/../../workers/php/laravel/autoload.php';
require __DIR__ . '/jobs-cold.php';
$base = getenv('APP_BASE') ?: exit('APP_BASE is not set');

if (($argv[1] ?? '') === 'write') {
    $config = (require __DIR__ . '/../../tests/fixtures/laravel/app.php')['config']->all();
    $config['app']['providers'] = [
        Illuminate\Bus\BusServiceProvider::class,
        Illuminate\Cache\CacheServiceProvider::class,
        Illuminate\Database\DatabaseServiceProvider::class,
        Illuminate\Encryption\EncryptionServiceProvider::class,
        Illuminate\Filesystem\FilesystemServiceProvider::class,
        Illuminate\Queue\QueueServiceProvider::class,
        Illuminate\Redis\RedisServiceProvider::class,
        Illuminate\Translation\TranslationServiceProvider::class,
        RelayRunner\Laravel\RelayRunnerServiceProvider::class,
    ];
    @mkdir("$base/config");
    foreach ($config as $name => $values) {
        file_put_contents("$base/config/$name.php", '<?php return ' . var_export($values, true) . ';');
    }
    file_put_contents("$base/config.cached.php", '<?php return ' . var_export($config, true) . ';');
    exit(0);
}

$app = new Application($base);
$app->singleton(Illuminate\Contracts\Console\Kernel::class, Illuminate\Foundation\Console\Kernel::class);
$app->singleton(Illuminate\Contracts\Debug\ExceptionHandler::class, Illuminate\Foundation\Exceptions\Handler::class);
$app->bootstrapWith([
    Bootstrap\LoadConfiguration::class,
    Bootstrap\RegisterFacades::class,
    Bootstrap\RegisterProviders::class,
    Bootstrap\BootProviders::class,
]);
$artisan = new Illuminate\Console\Application($app, $app->make('events'), $app->version());
exit($artisan->run());
