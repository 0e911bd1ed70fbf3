/** Reads the records of a batch by source: their names, order and bodies. Pure. */
import { createHash } from 'node:crypto'
import { isObject, type JsonObject, objectOf, textOf } from '../../../index.js'
import { elementsOf, membersOf, type Slice, wholeText } from './json-slices.js'
import type { KafkaIdentifier, RecordPlan } from './record.js'
import { holdsNumber, type RecordText, slicedText, textWithout, writtenText } from './record-text.js'

/** A record and its lane. */
export interface LanedRecord {
  readonly plan: RecordPlan
  /** Records of equal lanes keep their order; undefined: a lane of its own. */
  readonly lane: string | undefined
}

/** Names of the source Amazon MQ. The documentation says `aws:mq`, AWS's own samples `aws:amq`. */
export const amazonMqSources: ReadonlySet<string> = new Set(['aws:rmq', 'aws:mq', 'aws:amq'])

/** Options for reading a record. */
interface ReadOptions {
  readonly fifo: 'group' | 'strict'
  /** The record's own part of the event. */
  readonly slice: () => RecordSlice
}

interface RecordSlice {
  readonly json: Buffer
  readonly slice: Slice
}

const readers: Readonly<
  Record<string, (record: JsonObject, options: ReadOptions) => LanedRecord | undefined>
> = {
  'aws:sqs': sqsRecord,
  'aws:kinesis': kinesisRecord,
  'aws:dynamodb': dynamoRecord,
}
const listPlace = ['Records'] as const

/** Reads the records of sources that list them under `Records`; undefined when they are not a well-formed batch. */
export function splitRecords(
  source: string,
  records: readonly unknown[] | undefined,
  { json, fifo }: { readonly json: Buffer; readonly fifo: 'group' | 'strict' },
) {
  const read = Object.hasOwn(readers, source) ? readers[source] : undefined
  if (read === undefined || records === undefined) return undefined
  const laned: LanedRecord[] = []
  const identifiers = new Set<unknown>()
  let slices: readonly Slice[] | undefined
  for (const [at, record] of records.entries()) {
    const slice = () => {
      slices ??= elementsOf(json, membersOf(json, wholeText(json)).get('Records'))
      return { json, slice: sliceAt(slices, at) }
    }
    const one = isObject(record) && record.eventSource === source ? read(record, { fifo, slice }) : undefined
    // Two records of the same name could not be told apart in the answer, and Lambda would treat the whole batch as failed.
    if (one === undefined || identifiers.has(one.plan.identifier)) return undefined
    identifiers.add(one.plan.identifier)
    laned.push(one)
  }
  return laned
}

function sliceAt(slices: readonly Slice[], at: number): Slice {
  const slice = slices[at]
  if (slice === undefined)
    throw new Error('bug in relayrunner: a record that is not in the text of its event')
  return slice
}

function sqsRecord(record: JsonObject, { fifo, slice }: ReadOptions): LanedRecord | undefined {
  const messageId = textOf(record.messageId)
  if (messageId === undefined || typeof record.body !== 'string') return undefined
  const attributes = objectOf(record.attributes)
  // FIFO by the queue's name alone: fair queues set a group on standard queues, where it means no order.
  const isFifo = textOf(record.eventSourceARN)?.endsWith('.fifo') === true
  const group = textOf(attributes.MessageGroupId) ?? ''
  const rest = { ...record, body: undefined }
  // SQS sends numbers as strings, so a record serialises to its original text and need not be sliced from it.
  const text = holdsNumber(rest) ? slicedRecord(slice(), ['body']) : writtenText(record, rest)
  return {
    lane: isFifo ? (fifo === 'strict' ? 'all' : `group ${group}`) : undefined,
    plan: {
      identifier: messageId,
      name: messageId,
      body: record.body,
      rest,
      whole: record,
      text,
      place: listPlace,
      attempt: receiveCount(attributes.ApproximateReceiveCount),
    },
  }
}

function slicedRecord({ json, slice }: RecordSlice, body: readonly string[]): RecordText {
  return slicedText(json, slice, body)
}

function receiveCount(value: unknown): number | null {
  const count = typeof value === 'string' || typeof value === 'number' ? Number(value) : Number.NaN
  return Number.isInteger(count) ? count : null
}

function kinesisRecord(record: JsonObject, { slice }: ReadOptions): LanedRecord | undefined {
  const kinesis = objectOf(record.kinesis)
  const sequence = textOf(kinesis.sequenceNumber)
  if (sequence === undefined || typeof kinesis.data !== 'string') return undefined
  return {
    lane: `key ${textOf(kinesis.partitionKey) ?? ''}`,
    plan: {
      identifier: sequence,
      name: sequence,
      body: Buffer.from(kinesis.data, 'base64'),
      rest: { ...record, kinesis: { ...kinesis, data: undefined } },
      whole: record,
      text: slicedRecord(slice(), ['kinesis', 'data']),
      place: listPlace,
      attempt: null,
    },
  }
}

function dynamoRecord(record: JsonObject, { slice }: ReadOptions): LanedRecord | undefined {
  const change = objectOf(record.dynamodb)
  const sequence = textOf(change.SequenceNumber)
  if (sequence === undefined) return undefined
  const text = slicedRecord(slice(), [])
  return {
    lane: `item ${JSON.stringify(change.Keys ?? null)}`,
    plan: {
      identifier: sequence,
      name: sequence,
      body: text.whole(),
      rest: record,
      whole: record,
      text,
      place: listPlace,
      attempt: null,
    },
  }
}

/** Reads Kafka's records, by partition. */
export function kafkaRecords(
  records: unknown,
  json: Buffer,
  key: 'partition' | 'topic-partition',
): readonly LanedRecord[] | undefined {
  if (!isObject(records)) return undefined
  const laned: LanedRecord[] = []
  const lists = membersOf(json, membersOf(json, wholeText(json)).get('records'))
  for (const [partition, list] of Object.entries(records)) {
    if (!Array.isArray(list)) return undefined
    const slices = elementsOf(json, lists.get(partition))
    const offsets = new Set<string>()
    for (const [at, record] of list.entries()) {
      const hasValue = isObject(record) && (typeof record.value === 'string' || record.value == null)
      if (!hasValue || typeof record.offset !== 'number') return undefined
      const { offset, value } = record
      const slice = sliceAt(slices, at)
      const digits = Number.isSafeInteger(offset)
        ? String(offset)
        : textAt(json, membersOf(json, slice).get('offset'))
      if (offsets.has(digits)) return undefined
      offsets.add(digits)
      const plan = {
        ...kafkaNames({ key, partition, offset, digits }),
        body: typeof value === 'string' ? Buffer.from(value, 'base64') : '',
        // A missing value (a tombstone) differs from an empty one.
        rest: { ...record, value: typeof value === 'string' ? undefined : null },
        whole: record,
        text: kafkaText(json, slice, typeof value === 'string'),
        place: ['records', partition] as const,
        attempt: null,
      }
      laned.push({ lane: partition, plan })
    }
  }
  return laned
}

function kafkaNames(record: {
  readonly key: 'partition' | 'topic-partition'
  readonly partition: string
  readonly offset: number
  readonly digits: string
}): Pick<RecordPlan, 'identifier' | 'identifierText' | 'name'> {
  const { key, partition, offset, digits } = record
  const identifier: KafkaIdentifier =
    key === 'partition' ? { partition, offset } : { 'topic-partition': partition, offset }
  const identifierText = `{"${key}":${JSON.stringify(partition)},"offset":${digits}}`
  return { identifier, identifierText, name: `${partition}/${digits}` }
}

function kafkaText(json: Buffer, slice: Slice, hasValue: boolean): RecordText {
  return {
    whole: () => textAt(json, slice),
    rest: () => textWithout(json, slice, ['value'], hasValue ? {} : { value: 'null' }),
  }
}

function textAt(json: Buffer, slice: Slice | undefined): string {
  return slice === undefined ? '' : json.toString('utf8', slice.start, slice.end)
}

/** Reads Amazon MQ's records: a list, or RabbitMQ's lists by queue. */
export function amazonMqRecords(event: JsonObject, json: Buffer): readonly LanedRecord[] | undefined {
  const byQueue = isObject(event.rmqMessagesByQueue) ? event.rmqMessagesByQueue : undefined
  const queues = byQueue === undefined ? [['', event.messages] as const] : Object.entries(byQueue)
  const laned: LanedRecord[] = []
  const members = membersOf(json, wholeText(json))
  const lists = membersOf(json, members.get('rmqMessagesByQueue'))
  for (const [queue, messages] of queues) {
    if (!Array.isArray(messages)) return undefined
    const slices = elementsOf(json, byQueue === undefined ? members.get('messages') : lists.get(queue))
    for (const [at, message] of messages.entries()) {
      if (!isObject(message) || typeof message.data !== 'string') return undefined
      const id = textOf(message.messageID)
      const ofQueue = byQueue === undefined ? {} : { queue }
      const slice = sliceAt(slices, at)
      const body = Buffer.from(message.data, 'base64')
      laned.push({
        lane: undefined,
        plan: {
          identifier: id ?? `${queue}/${at}`,
          name: id ?? `${queue}/${rabbitId(message, message.data)}`,
          body,
          rest: { ...message, data: undefined, ...ofQueue },
          whole: message,
          text: {
            whole: () => textAt(json, slice),
            rest: () => textWithout(json, slice, ['data'], textsOf(ofQueue)),
          },
          place: byQueue === undefined ? ['messages'] : ['rmqMessagesByQueue', queue],
          attempt: null,
        },
      })
    }
  }
  return laned
}

function textsOf(values: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, JSON.stringify(value)]))
}

/**
 * Makes the id of a RabbitMQ message, which has none of its own. It must be the same when the message comes again, so it cannot
 * be its place in a batch.
 */
function rabbitId(message: JsonObject, data: string): string {
  const properties = objectOf(message.basicProperties)
  return textOf(properties.messageId) ?? createHash('sha256').update(data).digest('hex').slice(0, 16)
}
