/** Deliveries of a queue → the bytes of the event that AWS sends a function, never more than an invocation takes. Pure. */
import { bodyText } from '../../../work/queues/text.js'
import type { Delivery } from '../../../work/source.js'

/** Limit of an invocation's payload in bytes: a larger batch is split. */
export const eventBytesMax = 6 * 1024 * 1024

/** One delivery, and its record as JSON. */
export interface EventRecord {
  readonly delivery: Delivery
  readonly text: string
  /** Size including the comma after it. */
  readonly bytes: number
}

const head = '{"Records":['
const tail = ']}'

/** Makes the record in AWS's shape. */
export function sqsRecord(delivery: Delivery): EventRecord {
  const { messageId, receiptHandle, ...rest } = delivery.record
  const text = JSON.stringify({ messageId, receiptHandle, body: bodyText(delivery.body), ...rest })
  return { delivery, text, bytes: Buffer.byteLength(text) + 1 }
}

/** Makes the event of a batch. */
export function sqsEvent(batch: readonly EventRecord[]): Buffer {
  return Buffer.from(head + batch.map(({ text }) => text).join(',') + tail)
}

/** Splits a batch into parts whose events are not over 6 MB. */
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
