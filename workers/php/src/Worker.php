<?php

declare(strict_types=1);

namespace RelayRunner;

/** Serves jobs: one at a time, in order, until the server says stop or goes. */
final class Worker
{
    private const STACK_LINES_MAX = 50;

    /**
     * Runs until the end. What the handler returns is the result: a string as it is, a Reply with its context, anything else as JSON.
     *
     * Between jobs: `$onThaw` hears that Lambda froze us for so many milliseconds (5,000 or more), so that others may have closed our
     * connections; `$beforeSnapshot` and `$afterRestore` are SnapStart's, and what they throw fails the start.
     *
     * @param callable(string $body, Context $context): mixed $handler
     * @param ?callable(int $gapMs): mixed $onThaw
     * @param ?callable(): mixed $beforeSnapshot
     * @param ?callable(): mixed $afterRestore
     */
    public static function serve(
        callable $handler,
        ?callable $onThaw = null,
        ?callable $beforeSnapshot = null,
        ?callable $afterRestore = null,
    ): void {
        $relay = Relay::connect(getenv('RR_RELAY') ?: 'pipes');
        $hooks = new Hooks($onThaw, $beforeSnapshot, $afterRestore);
        $features = [...(Stack::listen() ? ['stack'] : []), ...$hooks->features()];
        // Over pipes standard output is the protocol: whatever is echoed goes to standard error.
        ob_start(static function (string $text): string {
            fwrite(STDERR, $text);
            return '';
        }, 1);
        while (($frame = $relay->read()) !== null) {
            if ($frame['flags'] & Relay::CONTROL) {
                $message = json_decode($frame['payload'], true) ?? [];
                if ($message['stop'] ?? false) {
                    return;
                }
                if (isset($message['pid'])) {
                    $relay->write(Relay::CONTROL, json_encode(['pid' => getmypid(), 'features' => $features]));
                } else {
                    $hooks->run($relay, $message, $frame['payload']);
                }
                continue;
            }
            self::answer($relay, $handler, $frame);
        }
    }

    /** Writes one line of JSON to standard error, where the server makes it a line of its own log. */
    public static function log(string $level, string $message, array $fields = []): void
    {
        fwrite(STDERR, self::json(['level' => $level, 'message' => $message] + $fields) . "\n");
    }

    /** @param array{flags: int, options: list<int>, payload: string} $frame */
    private static function answer(Relay $relay, callable $handler, array $frame): void
    {
        $contextBytes = $frame['options'][0] ?? 0;
        $context = json_decode(substr($frame['payload'], 0, $contextBytes), true);
        try {
            $result = $handler(substr($frame['payload'], $contextBytes), new Context(is_array($context) ? $context : []));
            if ($result instanceof Verdict) {
                throw $result;
            }
            $head = $result instanceof Reply ? self::json((object) $result->context) : '';
            $relay->write($frame['flags'], $head . self::encode($result instanceof Reply ? $result->body : $result), strlen($head));
        } catch (Verdict $verdict) {
            $outcome = self::json($verdict->outcome);
            $relay->write($frame['flags'], $outcome, strlen($outcome));
        } catch (\Throwable $error) {
            $relay->write(Relay::ERROR, self::errorText($error));
        }
    }

    private static function encode(mixed $result): string
    {
        return is_string($result) ? $result : ($result === null ? '' : self::json($result));
    }

    private static function errorText(\Throwable $error): string
    {
        $stack = array_slice(explode("\n", $error->getTraceAsString()), 0, self::STACK_LINES_MAX);
        return self::json([
            'errorType' => $error::class,
            'errorMessage' => $error->getMessage(),
            'stackTrace' => ["{$error->getFile()}:{$error->getLine()}", ...$stack],
        ]);
    }

    private static function json(mixed $value): string
    {
        return json_encode($value, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_INVALID_UTF8_SUBSTITUTE | JSON_THROW_ON_ERROR);
    }
}
