<?php

/** For projects without Composer: `require '…/workers/php/autoload.php';` and every class of `RelayRunner\` is there. */

declare(strict_types=1);

spl_autoload_register(static function (string $class): void {
    // Only plain names map to files: a class that does not exist is left to other loaders.
    if (preg_match('/^RelayRunner\\\\(\w+)$/D', $class, $match) === 1 && is_file($file = __DIR__ . "/src/$match[1].php")) {
        require_once $file;
    }
});
