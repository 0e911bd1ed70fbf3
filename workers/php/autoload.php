<?php

/** For projects without Composer: `require '…/workers/php/autoload.php';` and every class of `RelayRunner\` is there. */

declare(strict_types=1);

spl_autoload_register(static function (string $class): void {
    if (str_starts_with($class, 'RelayRunner\\')) {
        require __DIR__ . '/src/' . str_replace('\\', '/', substr($class, 12)) . '.php';
    }
});
