<?php

declare(strict_types=1);

namespace RelayRunner\Laravel\Logging;

use Monolog\Formatter\NormalizerFormatter;
use RelayRunner\Json;
use RelayRunner\Laravel\CurrentJob;

/** One JSON object a line, as the server merges it into its own log: message, level, the context's keys, exceptions with their stack. */
final class JsonFormatter extends NormalizerFormatter
{
    private const CAUSES_MAX = 5;

    /** @param \Monolog\LogRecord|array<string, mixed> $record of Monolog 3, or of 2 */
    public function format($record): string
    {
        $isNew = !is_array($record);
        $level = strtolower($isNew ? $record->level->getName() : $record['level_name']);
        $fields = [];
        foreach ((array) $record['context'] + (array) $record['extra'] as $key => $value) {
            // These are the server's own.
            $name = in_array($key, ['message', 'level'], true) ? "app_$key" : $key;
            $fields[$name] = $value instanceof \Throwable ? $this->error($value, self::CAUSES_MAX) : $this->normalize($value);
        }
        $head = ['message' => (string) $record['message'], 'level' => $level, 'channel' => (string) $record['channel']];
        return Json::lenient($head + $fields + CurrentJob::fields()) . "\n";
    }

    /** @return array<string, mixed> */
    private function error(\Throwable $error, int $causesLeft): array
    {
        $previous = $causesLeft > 0 ? $error->getPrevious() : null;
        return [
            'class' => $error::class,
            'message' => $error->getMessage(),
            'file' => "{$error->getFile()}:{$error->getLine()}",
            'trace' => explode("\n", $error->getTraceAsString()),
        ] + ($previous === null ? [] : ['previous' => $this->error($previous, $causesLeft - 1)]);
    }
}
