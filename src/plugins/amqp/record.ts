/** The record of a message of RabbitMQ as AWS's event-source mapping for Amazon MQ hands it over (`aws:rmq`), without its body. Pure. */
import type { ConsumeMessage } from 'amqplib'
import { isObject } from '../../index.js'

/** Makes the record. `queue` is `NAME::VHOST`, under which AWS lists the messages of a queue. */
export function rmqRecord({ content, fields, properties }: ConsumeMessage, queue: string) {
  const { headers, contentType, contentEncoding, deliveryMode, priority, correlationId, replyTo } = properties
  const { expiration, messageId, timestamp, type, userId, appId, clusterId } = properties
  return {
    basicProperties: {
      contentType: contentType ?? null,
      contentEncoding: contentEncoding ?? null,
      headers: isObject(headers) ? headerValues(headers) : {},
      deliveryMode: deliveryMode ?? null,
      priority: priority ?? null,
      correlationId: correlationId ?? null,
      replyTo: replyTo ?? null,
      expiration: expiration ?? null,
      messageId: messageId ?? null,
      timestamp: typeof timestamp === 'number' ? javaDate(timestamp) : null,
      type: type ?? null,
      userId: userId ?? null,
      appId: appId ?? null,
      clusterId: clusterId ?? null,
      bodySize: content.length,
    },
    redelivered: fields.redelivered,
    queue,
  }
}

function headerValues(headers: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(headers).map(([key, value]) => [key, headerValue(value)]))
}

/** Texts are bytes, which AWS writes as signed numbers. */
function headerValue(value: unknown): unknown {
  if (typeof value === 'string') return { bytes: signedBytes(Buffer.from(value)) }
  if (Buffer.isBuffer(value)) return signedBytes(value)
  if (Array.isArray(value)) return value.map(headerValue)
  if (!isObject(value)) return value
  const { '!': type, value: inner } = value
  if (type === 'timestamp') return javaDate(Number(inner))
  return typeof type === 'string' ? inner : headerValues(value)
}

function signedBytes(bytes: Uint8Array): readonly number[] {
  return Array.from(new Int8Array(bytes))
}

const dateFormat = new Intl.DateTimeFormat('en-US', {
  dateStyle: 'medium',
  timeStyle: 'medium',
  timeZone: 'UTC',
})

/** A time in seconds as AWS writes it: `Jan 1, 1970, 12:33:41 AM`. */
function javaDate(seconds: number): string {
  return dateFormat.format(seconds * 1000).replaceAll('\u202f', ' ')
}
