/**
 * The protocol `raw` for small batches of a queue: a job is an event as the event-source mapping of the same queue would make it, with
 * `kind: records` in its context, so that one worker file serves Lambda's `records_per_job` and a server's. Pure.
 */
import { isUtf8 } from 'node:buffer'
import { Codec, textOf } from '../../index.js'
import type { Protocol } from '../protocol.js'
import type { Delivery } from '../source.js'
import { type BatchIdentifier, readSmallBatch } from './batch-answer.js'
import { batchText, type PlacedText } from './batch-text.js'
import { batchContext, noRequest, rawRecord } from './raw.js'

/** A delivery as a record of a batch. */
interface BatchRecord {
  readonly placed: PlacedText
  /** JSON without what is in the body. */
  readonly rest: string
}

/** Speaks `raw`, several deliveries a job. */
export const rawBatchProtocol: Protocol = {
  toJob: (deliveries) => {
    const [first] = deliveries
    if (first === undefined) throw new Error('bug in relayrunner: a job without a delivery')
    const records = deliveries.map(batchRecord)
    const more = deliveries.length > 1 ? `+${deliveries.length - 1}` : ''
    return {
      context: batchContext({
        source: JSON.stringify(first.source),
        request: noRequest,
        records: records.map(({ rest }) => rest),
      }),
      body: batchText(
        sharedOf(first.source),
        records.map(({ placed }) => placed),
      ),
      codec: Codec.raw,
      id: `${first.id}${more}`,
    }
  },
  verdicts: (reply, deliveries) => readSmallBatch(reply, deliveries.map(identifierOf)),
}

const isKafka = ({ source }: Delivery) => /kafka/i.test(source)
const isRabbit = ({ source }: Delivery) => source === 'aws:rmq'

/** Members that AWS's events of a source have beside their records. */
function sharedOf(source: string): string {
  return /kafka/i.test(source) || source === 'aws:rmq' ? `"eventSource":${JSON.stringify(source)}` : ''
}

/** Name of a delivery in the answer: for Kafka as AWS has it, else its `messageId`. */
function identifierOf(delivery: Delivery): BatchIdentifier {
  const { record, id } = delivery
  if (isKafka(delivery)) return { partition: partitionOf(delivery), offset: record.offset }
  return textOf(record.messageId) ?? id
}

function partitionOf({ record }: Delivery): string {
  return `${record.topic}-${record.partition}`
}

function batchRecord(delivery: Delivery): BatchRecord {
  const record = rawRecord(delivery)
  if (isKafka(delivery)) {
    const whole = { ...record, value: record.value === null ? null : base64Of(delivery.body) }
    return recordAt(['records', partitionOf(delivery)], record, whole)
  }
  if (isRabbit(delivery)) {
    // RabbitMQ's messages need no id, and AWS's records of them have none, but the answer has to name them.
    const { queue, ...rest } = record
    const message = { messageId: delivery.id, ...rest }
    const whole = { ...message, data: base64Of(delivery.body) }
    return recordAt(['rmqMessagesByQueue', textOf(queue) ?? ''], { ...message, queue }, whole)
  }
  const named = typeof record.messageId === 'string' ? record : { messageId: delivery.id, ...record }
  return recordAt(['Records'], named, { ...named, ...bodyOf(delivery.body) })
}

function recordAt(place: PlacedText['place'], rest: object, whole: object): BatchRecord {
  return { placed: { place, text: JSON.stringify(whole) }, rest: JSON.stringify(rest) }
}

/** JSON has no bytes: a body that is not text is base64, and says so. */
function bodyOf(body: Uint8Array | string) {
  if (typeof body === 'string') return { body }
  if (isUtf8(body)) return { body: Buffer.from(body.buffer, body.byteOffset, body.length).toString('utf8') }
  return { body: base64Of(body), isBase64Encoded: true }
}

function base64Of(body: Uint8Array | string): string {
  return Buffer.from(body).toString('base64')
}
