/**
 * Messages of a queue ↔ deliveries and new jobs. RoadRunner's own properties are message attributes with its names. Pure.
 */
import type { Delivery, Headers, NewJob } from '../source.js'
import type { MessageAttribute, NewMessage, ReceivedMessage } from './message-queue.js'

/** Facts about the queue of a message. */
export interface QueueFacts {
  /** `aws:sqs`, or the name of a driver. */
  readonly kind: string
  readonly arn: string
  readonly isFifo: boolean
  /** Priority of messages that have none. */
  readonly priority: number
}

/** Facts about the queue of a new job. */
export interface PipelineFacts {
  readonly pipeline: string
  /** Group of jobs without a lane; absent: each is a group of its own. */
  readonly group: string | undefined
  readonly isFifo: boolean
}

const priorityMax = 1000

/** Makes a delivery; `expiresAtMs` is infinite where the message stays hidden until it is released. */
export function deliveryOf(message: ReceivedMessage, queue: QueueFacts, expiresAtMs: number): Delivery {
  const { messageId, body, attributes, messageAttributes } = message
  const { ApproximateReceiveCount: count, MessageGroupId: group } = attributes
  return {
    id: messageId,
    source: queue.kind,
    body,
    record: recordOf(message, queue),
    headers: headersOf(messageAttributes.rr_headers),
    attempt: count === undefined ? null : Number(count),
    priority: priorityOf(messageAttributes.rr_priority) ?? queue.priority,
    ...(queue.isFifo && group !== undefined ? { lane: group } : {}),
    ...(Number.isFinite(expiresAtMs) ? { expiresAtMs } : {}),
    ...(isTrue(messageAttributes.rr_auto_ack) ? { autoAck: true } : {}),
  }
}

/** Reads the receipt back out of a delivery's record; returns a receipt that no queue knows when there is none. */
export function receiptOf({ record: { receiptHandle } }: Delivery): string {
  return typeof receiptHandle === 'string' ? receiptHandle : ''
}

/** Makes the message of a new job. On a FIFO queue its id is known for five minutes. */
export function messageOfJob(job: NewJob, { pipeline, group: own, isFifo }: PipelineFacts): NewMessage {
  const { id, name, body, headers, priority, delayMs, lane } = job
  const group = lane ?? (isFifo ? (own ?? id) : undefined)
  const texts: Readonly<Record<string, string>> = {
    rr_id: id,
    rr_job: name,
    rr_headers: JSON.stringify(headers),
    rr_pipeline: pipeline,
    rr_auto_ack: job.autoAck === true ? 'true' : '',
  }
  return {
    body,
    messageAttributes: {
      ...Object.fromEntries(Object.entries(texts).flatMap(([key, value]) => textAttribute(key, value))),
      rr_priority: { dataType: 'Number', stringValue: String(priority) },
    },
    ...(group === undefined ? {} : { group }),
    ...(isFifo ? { deduplicationId: id } : {}),
    ...(delayMs > 0 ? { delayMs } : {}),
  }
}

/** The record of AWS's event-source mapping, without its body. */
function recordOf(message: ReceivedMessage, { kind, arn }: QueueFacts): Readonly<Record<string, unknown>> {
  const { messageId, receiptHandle, attributes, messageAttributes, md5OfBody } = message
  return {
    messageId,
    receiptHandle,
    attributes,
    messageAttributes: Object.fromEntries(
      Object.entries(messageAttributes).map(([name, value]) => [name, attributeOf(value)]),
    ),
    md5OfBody,
    eventSource: kind,
    eventSourceARN: arn,
    awsRegion: arn.split(':')[3] ?? '',
  }
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

/** SQS knows no empty attribute. */
function textAttribute(key: string, value: string): readonly (readonly [string, MessageAttribute])[] {
  return value === '' ? [] : [[key, { dataType: 'String', stringValue: value }]]
}

/** RoadRunner's drivers write `true`, older ones `1`. */
function isTrue(attribute: MessageAttribute | undefined): boolean {
  return attribute?.stringValue === 'true' || attribute?.stringValue === '1'
}

function priorityOf(attribute: MessageAttribute | undefined): number | undefined {
  const priority = Number(attribute?.stringValue)
  return Number.isInteger(priority) && priority >= 1 && priority <= priorityMax ? priority : undefined
}

/**
 * JSON: an object of lists. RoadRunner sends it as bytes. Any other value is an attribute of another program with that name.
 */
function headersOf({ stringValue, binaryValue }: Partial<MessageAttribute> = {}): Headers {
  const text = stringValue ?? Buffer.from(binaryValue ?? '', 'base64').toString('utf8')
  if (text === '') return {}
  try {
    const given: unknown = JSON.parse(text)
    if (typeof given !== 'object' || given === null) return {}
    return Object.fromEntries(
      Object.entries(given).map(([key, value]) => [
        key,
        (Array.isArray(value) ? value : [value]).map(String),
      ]),
    )
  } catch {
    return {}
  }
}
