/** SQS messages → the bytes of the event that AWS sends a function, never more than an invocation takes. Pure. */
import type { MessageAttribute, ReceivedMessage } from '../../../work/queues/queue.js'

/** The payload of an invocation: a batch is cut before it. */
export const eventBytesMax = 6 * 1024 * 1024

/** One message, and its record as JSON. */
export interface EventRecord {
  readonly message: ReceivedMessage
  readonly text: string
  /** With the comma after it. */
  readonly bytes: number
}

const head = '{"Records":['
const tail = ']}'

/** The record as AWS shapes it. */
export function recordOf(message: ReceivedMessage, arn: string): EventRecord {
  const { messageId, receiptHandle, body, attributes, md5OfBody } = message
  const text = JSON.stringify({
    messageId,
    receiptHandle,
    body,
    attributes,
    messageAttributes: Object.fromEntries(
      Object.entries(message.messageAttributes).map(([name, value]) => [name, attributeOf(value)]),
    ),
    md5OfBody,
    eventSource: 'aws:sqs',
    eventSourceARN: arn,
    awsRegion: arn.split(':')[3] ?? '',
  })
  return { message, text, bytes: Buffer.byteLength(text) + 1 }
}

/** The event of a batch. */
export function eventOf(batch: readonly EventRecord[]): Buffer {
  return Buffer.from(head + batch.map(({ text }) => text).join(',') + tail)
}

/** The batch in parts, each of which makes an event that is not over 6 MB. */
export function cutBatch(batch: readonly EventRecord[]): readonly (readonly EventRecord[])[] {
  const parts: EventRecord[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const record of batch) {
    bytes += record.bytes
    if (bytes > eventBytesMax) {
      parts.push([])
      bytes = head.length + tail.length + record.bytes
    }
    parts.at(-1)?.push(record)
  }
  return parts
}

function attributeOf({ stringValue, binaryValue, dataType }: MessageAttribute): object {
  return {
    ...(stringValue === undefined ? {} : { stringValue }),
    ...(binaryValue === undefined ? {} : { binaryValue }),
    stringListValues: [],
    binaryListValues: [],
    dataType,
  }
}
