<?php

declare(strict_types=1);

namespace RelayRunner;

/** Sets the variable in which X-Ray and OpenTelemetry look for their parent: the running job's trace id, unset when it has none. */
final class TraceId
{
    private const NAME = '_X_AMZN_TRACE_ID';

    /** @param array<string, mixed> $values the job's context */
    public static function set(array $values): void
    {
        $traceId = $values['traceId'] ?? $values['headers']['lambda-trace-id'][0] ?? null;
        if (is_string($traceId) && $traceId !== '') {
            putenv(self::NAME . "=$traceId");
            $_ENV[self::NAME] = $_SERVER[self::NAME] = $traceId;
            return;
        }
        putenv(self::NAME);
        unset($_ENV[self::NAME], $_SERVER[self::NAME]);
    }
}
