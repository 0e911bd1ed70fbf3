<?php

/** For projects without Composer: `require '…/workers/php/autoload.php';` and every class of `RelayRunner\` is there. */

declare(strict_types=1);

spl_autoload_register(static function (string $class): void {
    // A name is a file's only when it is a plain one: a class that does not exist is for other loaders, and no fault.
    if (preg_match('/^RelayRunner\\\\(\w+)$/D', $class, $match) === 1 && is_file($file = __DIR__ . "/src/$match[1].php")) {
        require_once $file;
    }
});
