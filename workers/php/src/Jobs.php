<?php

declare(strict_types=1);

namespace RelayRunner;

/** Pushes jobs into queues of the server: `(new Jobs())->push('mail', ['to' => 'ann'], delayMs: 60_000)`. */
final class Jobs
{
    /** What one job of `pushMany` may have. */
    private const KEYS = ['body', 'job', 'id', 'headers', 'delayMs', 'priority', 'autoAck'];

    private static ?Rpc $shared = null;
    private static string $sharedAddress = '';

    private readonly ?Rpc $rpc;

    /** @param ?Rpc $rpc the server; that of RR_RPC by default, by one connection of the process */
    public function __construct(?Rpc $rpc = null)
    {
        $this->rpc = $rpc;
    }

    /**
     * Pushes a job and returns its id once its queue has taken it. Texts go as they are, anything else as JSON. Throws a RuntimeException with
     * the server's text, where no server answers, and when it took too long; then the job may be in the queue all the same.
     *
     * @param array<string, string|list<string>> $headers
     * @param ?string $id a random one by default
     * @param int $delayMs rounded up to whole seconds
     * @param int $priority weight from 1 to 1000, a lower one comes first; 0 is the pipeline's
     * @param bool $autoAck acknowledged before it runs: it runs once at most
     */
    public function push(
        string $pipeline,
        mixed $body,
        string $job = 'rr.jobs',
        ?string $id = null,
        array $headers = [],
        int $delayMs = 0,
        int $priority = 0,
        bool $autoAck = false,
    ): string {
        $message = self::message($pipeline, $body, $job, $id, $headers, $delayMs, $priority, $autoAck);
        $this->call('jobs.Push', ['job' => $message]);
        return $message['id'];
    }

    /**
     * Pushes jobs in one call, in their order, and returns their ids. Each is an array of `body` and the other arguments of `push` by name. Throws
     * as `push` does, at the first job that its queue refuses: those before it may have been taken.
     *
     * @param iterable<array{body: mixed, job?: string, id?: ?string, headers?: array<string, string|list<string>>, delayMs?: int, priority?: int, autoAck?: bool}> $jobs
     * @return list<string>
     */
    public function pushMany(string $pipeline, iterable $jobs): array
    {
        $messages = [];
        foreach ($jobs as $one) {
            $unknown = array_diff(array_keys($one), self::KEYS);
            if ($unknown !== [] || !array_key_exists('body', $one)) {
                $what = $unknown === [] ? 'it has no "body"' : 'unknown key "' . reset($unknown) . '"';
                throw new \InvalidArgumentException("a job to push: $what");
            }
            $messages[] = self::message($pipeline, ...$one);
        }
        if ($messages !== []) {
            $this->call('jobs.PushBatch', ['jobs' => $messages]);
        }
        return array_column($messages, 'id');
    }

    private function call(string $method, array $argument): void
    {
        ($this->rpc ?? self::ofEnvironment())->call($method, $argument);
    }

    private static function ofEnvironment(): Rpc
    {
        $address = (string) getenv('RR_RPC');
        if (self::$shared === null || self::$sharedAddress !== $address) {
            self::$shared = Rpc::fromEnvironment();
            self::$sharedAddress = $address;
        }
        return self::$shared;
    }

    /** @return array<string, mixed> */
    private static function message(
        string $pipeline,
        mixed $body,
        string $job = 'rr.jobs',
        ?string $id = null,
        array $headers = [],
        int $delayMs = 0,
        int $priority = 0,
        bool $autoAck = false,
    ): array {
        if ($delayMs < 0) {
            throw new \InvalidArgumentException("delayMs is $delayMs; it must be a number of milliseconds from 0");
        }
        return [
            'job' => $job,
            'id' => $id ?? bin2hex(random_bytes(16)),
            'payload' => base64_encode(is_string($body) ? $body : Json::strict($body)),
            'headers' => (object) array_map(static fn ($value) => ['value' => array_map('strval', array_values((array) $value))], $headers),
            'options' => [
                'pipeline' => $pipeline,
                'delay' => intdiv($delayMs + 999, 1000),
                'priority' => $priority,
                'auto_ack' => $autoAck,
            ],
        ];
    }
}
