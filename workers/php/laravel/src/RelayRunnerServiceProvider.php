<?php

declare(strict_types=1);

namespace RelayRunner\Laravel;

use Illuminate\Contracts\Foundation\Application;
use Illuminate\Support\ServiceProvider;
use Monolog\Handler\StreamHandler;
use RelayRunner\Laravel\Jobs\JobFactory;
use RelayRunner\Laravel\Jobs\Origins;
use RelayRunner\Laravel\Logging\JsonFormatter;

/** Brings the commands, the log channel `relayrunner` and the queue driver `relayrunner` into an application. */
final class RelayRunnerServiceProvider extends ServiceProvider
{
    private const CONFIG = __DIR__ . '/../config/relayrunner.php';

    public function register(): void
    {
        $this->mergeConfigFrom(self::CONFIG, 'relayrunner');
        $config = $this->app->make('config');
        if ($config->get('logging.channels.relayrunner') === null) {
            $config->set('logging.channels.relayrunner', [
                'driver' => 'monolog',
                'handler' => StreamHandler::class,
                'with' => ['stream' => 'php://stderr'],
                'formatter' => JsonFormatter::class,
            ]);
        }
        $this->app->singleton(JobFactory::class, static fn (Application $app) => new JobFactory($app, new Origins($app->make('config'))));
        $this->app->singleton(Worker::class, static fn (Application $app) => Worker::of($app->make('queue.worker'), $app));
        $this->app->singleton(RelayRunner::class);
        if (getenv('LAMBDA_TASK_ROOT') !== false) {
            (new LambdaEnvironment($this->app))->apply();
        }
    }

    public function boot(): void
    {
        $this->app->resolving('queue', static function ($manager): void {
            $manager->addConnector('relayrunner', static fn () => new Queue\RelayRunnerConnector());
        });
        (new PausedQueues($this->app->make('config')))->listen($this->app->make('events'));
        if ($this->app->runningInConsole()) {
            $this->publishes([self::CONFIG => $this->app->configPath('relayrunner.php')], 'relayrunner-config');
            $this->commands([
                Console\WorkCommand::class,
                Console\CheckCommand::class,
                Console\InstallCommand::class,
                Console\TryCommand::class,
                Console\ServeCommand::class,
                Console\ResetCommand::class,
                Console\WorkersCommand::class,
                Console\QueuesCommand::class,
            ]);
        }
    }
}
