<?php

declare(strict_types=1);

namespace RelayRunner\Symfony;

use RelayRunner\Context;
use Symfony\Component\Messenger\Envelope;
use Symfony\Component\Messenger\Stamp\RedeliveryStamp;
use Symfony\Component\Messenger\Stamp\TransportMessageIdStamp;
use Symfony\Component\Messenger\Transport\Serialization\SerializerInterface;

/** Makes Messenger's envelope of a record: its headers are the message attributes of SQS, or the headers of an AMQP message. */
final class RecordDecoder
{
    /** Attribute in which Symfony's transport for SQS keeps the headers that do not fit SQS's ten. */
    private const JOINED = 'X-Symfony-Messenger';

    /** Throws what the serializer throws for a body that it cannot read. */
    public static function decode(string $body, Context $context, SerializerInterface $serializer): Envelope
    {
        $envelope = $serializer->decode(['body' => $body, 'headers' => self::headers($context)]);
        $id = $context->messageId();
        $tries = $context->attempt() ?? 1;
        $stamps = [];
        if ($id !== null) {
            $stamps[] = new TransportMessageIdStamp($id);
        }
        if ($tries > 1 && $envelope->last(RedeliveryStamp::class) === null) {
            // The server's count of deliveries is the number of tries, so that Messenger's strategies know it.
            $stamps[] = new RedeliveryStamp($tries - 1);
        }
        return $envelope->with(...$stamps);
    }

    /** @return array<string, string> */
    private static function headers(Context $context): array
    {
        $record = (array) ($context->get('record') ?? []);
        $found = (array) ($record['messageAttributes'] ?? $record['basicProperties']['headers'] ?? []);
        $headers = [];
        foreach ($found as $name => $value) {
            $text = self::text($value);
            if ($text !== null) {
                $headers[(string) $name] = $text;
            }
        }
        // What a client of the server's own queues gave as headers: lists of values.
        foreach ((array) json_decode($headers['rr_headers'] ?? '', true) as $name => $values) {
            $headers[(string) $name] = (string) (is_array($values) ? ($values[0] ?? '') : $values);
        }
        $joined = json_decode($headers[self::JOINED] ?? '', true);
        $all = (is_array($joined) ? $joined : []) + $headers;
        return array_filter($all, static fn (string $name) => $name !== self::JOINED && !str_starts_with($name, 'rr_'), ARRAY_FILTER_USE_KEY);
    }

    /** The text of an attribute of SQS, of a header of AMQP as AWS hands it over, or of a plain value. */
    private static function text(mixed $value): ?string
    {
        if (is_array($value)) {
            $value = $value['stringValue'] ?? (isset($value['bytes']) ? implode('', array_map('chr', $value['bytes'])) : null);
        }
        return is_scalar($value) ? (string) $value : null;
    }
}
