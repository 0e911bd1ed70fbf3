<?php

declare(strict_types=1);

namespace RelayRunner;

/** Hooks between jobs. The server sends nothing that the worker did not announce. */
final class Hooks
{
    /** @var array{thaw: ?callable, before: ?callable, after: ?callable} */
    private array $hooks;

    public function __construct(
        ?callable $onThaw,
        ?callable $beforeSnapshot,
        ?callable $afterRestore,
        private readonly bool $takesGivenUp = false,
    ) {
        $this->hooks = ['thaw' => $onThaw, 'before' => $beforeSnapshot, 'after' => $afterRestore];
    }

    /** @return list<string> for the PID reply */
    public function features(): array
    {
        $takesPart = $this->hooks['before'] !== null || $this->hooks['after'] !== null;
        return [
            ...($this->hooks['thaw'] === null ? [] : ['thaw']),
            ...($takesPart ? ['snapshot'] : []),
            ...($this->takesGivenUp ? ['given_up'] : []),
        ];
    }

    /** Runs what a message asks for. A snapshot's is answered with the message, or an ERROR frame. */
    public function run(Relay $relay, array $message, string $payload): void
    {
        if (isset($message['thaw'])) {
            try {
                ($this->hooks['thaw'] ?? static fn () => null)((int) $message['thaw']['gap_ms']);
            } catch (\Throwable $error) {
                Worker::log('error', 'the hook onThaw failed', ['error' => (string) $error]);
            }
        }
        if (!isset($message['snapshot'])) {
            return;
        }
        try {
            ($this->hooks[$message['snapshot']] ?? static fn () => null)();
            $relay->write(Relay::CONTROL, $payload);
        } catch (\Throwable $error) {
            $relay->write(Relay::ERROR, (string) $error);
        }
    }
}
