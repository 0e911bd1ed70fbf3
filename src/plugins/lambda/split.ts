/**
 * An event's bytes → what is to be run: the event as one job, or the records of a batch in lanes. Records of one lane must
 * run in order, different lanes may run side by side. Pure.
 */
import { createHash } from 'node:crypto'

/** One record: what its worker gets, and how the answer names it. */
export interface RecordPlan {
  /** How `batchItemFailures` names it: a text, for Kafka an object. */
  readonly identifier: string | KafkaIdentifier
  /** For the log and the job's id. */
  readonly name: string
  readonly body: string | Uint8Array
  /** The record without what became the body. */
  readonly rest: object
  /** The record as it came. */
  readonly whole: object
  /** SQS's ApproximateReceiveCount. */
  readonly attempt: number | null
}

/** How Kafka's records are named; sources disagree on the first key. */
export type KafkaIdentifier =
  | { readonly partition: string; readonly offset: number }
  | { readonly 'topic-partition': string; readonly offset: number }

/** What is to be run. `lanes` hold indexes into `records`. */
export type EventPlan =
  | { readonly kind: 'event'; readonly source: string | null }
  | {
      readonly kind: 'batch'
      readonly source: string
      readonly records: readonly RecordPlan[]
      readonly lanes: readonly (readonly number[])[]
      /** Lambda takes the names of failed records; without that, one failure is the whole event's. */
      readonly isPartial: boolean
    }

/** How to split. */
export interface SplitOptions {
  /** `mode: event` never splits. */
  readonly isSplit: boolean
  readonly fifo: 'group' | 'strict'
  /** The key of Kafka's item identifiers; `partition` by default. */
  readonly kafkaIdentifier?: 'partition' | 'topic-partition'
  /** Amazon MQ knows no partial failures; by default its events are one job. */
  readonly splitsAmazonMq?: boolean
  /** Plans a tumbling window as a batch: to know its records, not to run them one by one. */
  readonly splitsWindows?: boolean
}

type Json = Readonly<Record<string, unknown>>
interface LanedRecord {
  readonly plan: RecordPlan
  /** Records of equal lanes keep their order; undefined: a lane of its own. */
  readonly lane: string | undefined
}

const sourceKeys = ['eventSource', 'EventSource']

/** Plans an event. What is not a well-formed batch of a known source is one job: nobody could name its records. */
export function planEvent(body: Buffer, options: SplitOptions): EventPlan {
  // Parsing a big event costs more than all the rest. One without these bytes has no source; `\u` could spell them.
  if (!sourceKeys.some((key) => body.includes(key)) && !body.includes('\\u'))
    return { kind: 'event', source: null }
  const event = parse(body)
  if (!isObject(event)) return { kind: 'event', source: null }
  const records = Array.isArray(event.Records) ? event.Records : undefined
  const source = sourceOf(event, records?.[0])
  if (!options.isSplit || source === null) return { kind: 'event', source }
  // A tumbling window's answer carries the state on: only a handler of the whole event can do that.
  if (event.window !== undefined && options.splitsWindows !== true) return { kind: 'event', source }
  const isMq = amazonMqSources.has(source)
  if (isMq && options.splitsAmazonMq !== true) return { kind: 'event', source }
  const laned = isMq
    ? amazonMqRecords(event)
    : isKafka(source)
      ? kafkaRecords(event.records, options.kafkaIdentifier ?? 'partition')
      : splitRecords(source, records, options.fifo)
  if (laned === undefined || laned.length === 0) return { kind: 'event', source }
  const plans = laned.map((record) => record.plan)
  return { kind: 'batch', source, records: plans, lanes: toLanes(laned), isPartial: !isMq }
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    // Not JSON: Lambda lets a direct caller send such a thing, and the worker gets it as it came.
    return undefined
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function sourceOf(event: Json, first: unknown): string | null {
  const record = isObject(first) ? first : {}
  return textOf(record.eventSource) ?? textOf(record.EventSource) ?? textOf(event.eventSource) ?? null
}

function isKafka(source: string): boolean {
  return source === 'aws:kafka' || source === 'SelfManagedKafka' || source === 'aws:SelfManagedKafka'
}

const readers: Readonly<Record<string, (record: Json, fifo: 'group' | 'strict') => LanedRecord | undefined>> =
  {
    'aws:sqs': sqsRecord,
    'aws:kinesis': kinesisRecord,
    'aws:dynamodb': dynamoRecord,
  }

function splitRecords(source: string, records: readonly unknown[] | undefined, fifo: 'group' | 'strict') {
  const read = Object.hasOwn(readers, source) ? readers[source] : undefined
  if (read === undefined || records === undefined) return undefined
  const laned: LanedRecord[] = []
  const identifiers = new Set<unknown>()
  for (const record of records) {
    const one = isObject(record) && record.eventSource === source ? read(record, fifo) : undefined
    // Two of a name could not be told apart in the answer, and Lambda would take the whole batch as failed.
    if (one === undefined || identifiers.has(one.plan.identifier)) return undefined
    identifiers.add(one.plan.identifier)
    laned.push(one)
  }
  return laned
}

function sqsRecord(record: Json, fifo: 'group' | 'strict'): LanedRecord | undefined {
  const messageId = textOf(record.messageId)
  if (messageId === undefined || typeof record.body !== 'string') return undefined
  const attributes = isObject(record.attributes) ? record.attributes : {}
  // FIFO by the queue's name alone: fair queues set a group on standard queues, where it means no order.
  const isFifo = textOf(record.eventSourceARN)?.endsWith('.fifo') === true
  const group = textOf(attributes.MessageGroupId) ?? ''
  return {
    lane: isFifo ? (fifo === 'strict' ? 'all' : `group ${group}`) : undefined,
    plan: {
      identifier: messageId,
      name: messageId,
      body: record.body,
      rest: { ...record, body: undefined },
      whole: record,
      attempt: receiveCount(attributes.ApproximateReceiveCount),
    },
  }
}

function receiveCount(value: unknown): number | null {
  const count = typeof value === 'string' || typeof value === 'number' ? Number(value) : Number.NaN
  return Number.isInteger(count) ? count : null
}

function kinesisRecord(record: Json): LanedRecord | undefined {
  const kinesis = isObject(record.kinesis) ? record.kinesis : {}
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
      attempt: null,
    },
  }
}

function dynamoRecord(record: Json): LanedRecord | undefined {
  const change = isObject(record.dynamodb) ? record.dynamodb : {}
  const sequence = textOf(change.SequenceNumber)
  if (sequence === undefined) return undefined
  return {
    lane: `item ${JSON.stringify(change.Keys ?? null)}`,
    plan: {
      identifier: sequence,
      name: sequence,
      body: JSON.stringify(record),
      rest: record,
      whole: record,
      attempt: null,
    },
  }
}

function kafkaRecords(
  records: unknown,
  key: 'partition' | 'topic-partition',
): readonly LanedRecord[] | undefined {
  if (!isObject(records)) return undefined
  const laned: LanedRecord[] = []
  for (const [partition, list] of Object.entries(records)) {
    if (!Array.isArray(list)) return undefined
    const offsets = new Set<number>()
    for (const record of list) {
      const hasValue = isObject(record) && (typeof record.value === 'string' || record.value == null)
      if (!hasValue || typeof record.offset !== 'number') return undefined
      const body = typeof record.value === 'string' ? Buffer.from(record.value, 'base64') : ''
      const { offset } = record
      if (offsets.has(offset)) return undefined
      offsets.add(offset)
      const identifier =
        key === 'partition' ? { partition, offset } : ({ 'topic-partition': partition, offset } as const)
      const plan = {
        identifier,
        name: `${partition}/${offset}`,
        body,
        rest: { ...record, value: undefined },
        whole: record,
        attempt: null,
      }
      laned.push({ lane: partition, plan })
    }
  }
  return laned
}

// The documentation says `aws:mq`, AWS's own samples `aws:amq`.
const amazonMqSources: ReadonlySet<string> = new Set(['aws:rmq', 'aws:mq', 'aws:amq'])

function amazonMqRecords(event: Json): readonly LanedRecord[] | undefined {
  const byQueue = isObject(event.rmqMessagesByQueue) ? event.rmqMessagesByQueue : undefined
  const queues = byQueue === undefined ? [['', event.messages] as const] : Object.entries(byQueue)
  const laned: LanedRecord[] = []
  for (const [queue, messages] of queues) {
    if (!Array.isArray(messages)) return undefined
    for (const [at, message] of messages.entries()) {
      if (!isObject(message) || typeof message.data !== 'string') return undefined
      const id = textOf(message.messageID)
      const rest = { ...message, data: undefined, ...(queue === '' ? {} : { queue }) }
      const body = Buffer.from(message.data, 'base64')
      laned.push({
        lane: undefined,
        plan: {
          identifier: id ?? `${queue}/${at}`,
          name: id ?? `${queue}/${rabbitId(message, message.data)}`,
          body,
          rest,
          whole: message,
          attempt: null,
        },
      })
    }
  }
  return laned
}

/** RabbitMQ numbers nothing. What is remembered of a message must be found again by it, and not by its place in a batch. */
function rabbitId(message: Json, data: string): string {
  const properties = isObject(message.basicProperties) ? message.basicProperties : {}
  return textOf(properties.messageId) ?? createHash('sha256').update(data).digest('hex').slice(0, 16)
}

function toLanes(records: readonly LanedRecord[]): number[][] {
  const lanes: number[][] = []
  const byName = new Map<string, number[]>()
  for (const [index, { lane }] of records.entries()) {
    const known = lane === undefined ? undefined : byName.get(lane)
    if (known !== undefined) {
      known.push(index)
      continue
    }
    const fresh = [index]
    lanes.push(fresh)
    if (lane !== undefined) byName.set(lane, fresh)
  }
  return lanes
}
