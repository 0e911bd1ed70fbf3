/**
 * Messages of RabbitMQ ↔ deliveries and new jobs. RoadRunner's properties are headers with its names; a message of another program reaches
 * workers as it was sent. Pure.
 */
import type { ConsumeMessage, GetMessage, Options } from 'amqplib'
import { isObject, parseJson } from '../../index.js'
import type { Delivery, Headers, NewJob } from '../../work/index.js'
import { messageHeaders } from './headers.js'
import { brokerPriority } from './queue-headers.js'
import { rmqRecord } from './record.js'

/** A message as it is published. */
export interface Publishable {
  readonly content: Buffer
  readonly options: Options.Publish
}

/** Facts about the queue of a message. */
export interface RmqQueueFacts {
  readonly queue: string
  readonly vhost: string
  /** Priority of messages that have none. */
  readonly priority: number
  readonly priorityMax: number | undefined
  /** Id of a message that brings none. */
  readonly newId: () => string
}

/** Tries that a message had before it was published again, so that they outlive us. */
const attemptsHeader = 'rr_attempts'
/** Headers of kept jobs. */
const whyHeader = 'rr_failed_why'
const failedAtHeader = 'rr_failed_at'
/** Headers that must not be published again: RabbitMQ counts anew, and routes by the last two. */
const brokerHeaders = ['x-delivery-count', 'x-acquired-count', 'CC', 'BCC']

/** Makes a delivery. */
export function rmqDelivery(message: ConsumeMessage, facts: RmqQueueFacts): Delivery {
  const { content, properties } = message
  const headers = headersOf(message)
  const { rr_id: ownId, rr_job: name, rr_pipeline: pipeline } = headers
  const { queue } = facts
  return {
    id: textOr(properties.messageId, undefined) ?? textOr(ownId, undefined) ?? facts.newId(),
    source: 'aws:rmq',
    body: content,
    record: rmqRecord(message, `${queue}::${facts.vhost}`),
    headers: { ...messageHeaders(headers), ...jsonHeaders(headers.rr_headers) },
    attempt: countOf(headers['x-delivery-count']) + countOf(headers[attemptsHeader]) + 1,
    priority: priorityOf(headers.rr_priority, properties.priority, facts),
    job: {
      queue,
      ...(typeof ownId === 'string' ? { id: ownId } : {}),
      ...(typeof name === 'string' ? { name } : {}),
      ...(typeof pipeline === 'string' ? { pipeline } : {}),
    },
    ...(headers.rr_auto_ack === true ? { autoAck: true } : {}),
  }
}

/** Options of a new message that do not come from its job. */
export interface RmqMessageFacts {
  readonly pipeline: string
  readonly priorityMax: number | undefined
  readonly messageId: string
  readonly nowMs: number
}

/** Makes the message of a new job, with the types that RoadRunner's driver reads. */
export function rmqMessage(job: NewJob, facts: RmqMessageFacts): Publishable {
  const { id, name, body, headers, priority, delayMs, autoAck } = job
  const { pipeline, priorityMax, messageId, nowMs } = facts
  return {
    content: Buffer.from(body),
    options: {
      contentType: 'application/octet-stream',
      deliveryMode: 2,
      messageId,
      timestamp: Math.floor(nowMs / 1000),
      mandatory: true,
      ...(priorityMax === undefined ? {} : { priority: brokerPriority(priority, priorityMax) }),
      headers: {
        rr_id: id,
        rr_job: name,
        rr_pipeline: pipeline,
        rr_headers: Buffer.from(JSON.stringify(headers)),
        rr_delay: int32(Math.ceil(delayMs / 1000)),
        rr_priority: int32(priority),
        rr_auto_ack: autoAck === true,
      },
    },
  }
}

/** Makes a copy of a message that is published in its place, with its properties and headers; `changes` are headers. */
export function rmqCopy(
  message: ConsumeMessage | GetMessage,
  id: string,
  changes: Readonly<Record<string, unknown>>,
): Publishable {
  const { content, properties } = message
  const { headers: _, expiration: __, userId: ___, clusterId: ____, deliveryMode, ...kept } = properties
  const headers = { ...retyped(headersOf(message)), ...changes }
  for (const name of brokerHeaders) delete headers[name]
  const given = Object.entries(kept).filter(([, value]) => value !== undefined)
  return {
    content,
    options: {
      ...Object.fromEntries(given),
      headers,
      messageId: textOr(properties.messageId, id),
      deliveryMode: deliveryMode === 1 ? 1 : 2,
      mandatory: true,
    },
  }
}

/** Headers of a copy that is to be tried again after `attempts` tries. */
export function rmqTriedHeaders(attempts: number): Readonly<Record<string, unknown>> {
  return { [attemptsHeader]: int32(attempts) }
}

/** Headers of a copy that is kept as failed. */
export function failedHeaders(why: string, attempts: number, atMs: number) {
  return { ...rmqTriedHeaders(attempts), [whyHeader]: why, [failedAtHeader]: { '!': 'long', value: atMs } }
}

/** Makes the copy of a kept message that is put back, with all tries ahead. */
export function redrivenCopy(message: GetMessage, id: string): Publishable {
  const { options, content } = rmqCopy(message, id, {})
  const { [whyHeader]: _, [failedAtHeader]: __, [attemptsHeader]: ___, ...headers } = options.headers ?? {}
  return { content, options: { ...options, headers } }
}

/** Reads what was written down about a kept message. */
export function keptMessage(message: GetMessage) {
  const headers = headersOf(message)
  const { [whyHeader]: why, [failedAtHeader]: atMs, [attemptsHeader]: attempts } = headers
  return {
    id: textOr(message.properties.messageId, undefined) ?? textOr(headers.rr_id, ''),
    name: textOr(headers.rr_job, ''),
    why: textOr(why, ''),
    attempt: typeof attempts === 'number' ? attempts : undefined,
    atMs: typeof atMs === 'number' ? atMs : undefined,
  }
}

function headersOf(message: ConsumeMessage | GetMessage): Record<string, unknown> {
  const { headers } = message.properties
  return isObject(headers) ? { ...headers } : {}
}

/** RoadRunner reads its numbers in 16 bits or more, and the client writes small ones in 8. */
function retyped(headers: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(headers).map(([key, value]) => [
      key,
      key.startsWith('rr_') && typeof value === 'number' && key !== failedAtHeader ? int32(value) : value,
    ]),
  )
}

function int32(value: number): object {
  return { '!': 'int', value: Math.max(-0x8000_0000, Math.min(0x7fff_ffff, value)) }
}

function textOr<T>(value: unknown, otherwise: T): string | T {
  return typeof value === 'string' && value !== '' ? value : otherwise
}

function countOf(value: unknown): number {
  return typeof value === 'number' && value > 0 ? Math.floor(value) : 0
}

function priorityOf(own: unknown, property: unknown, { priority, priorityMax }: RmqQueueFacts): number {
  if (typeof own === 'number' && Number.isInteger(own) && own >= 1 && own <= 1000) return own
  if (priorityMax === undefined || typeof property !== 'number') return priority
  return Math.max(1, priorityMax + 1 - property)
}

/** RoadRunner's own headers: JSON as bytes, an object of lists. */
function jsonHeaders(value: unknown): Headers {
  const given = Buffer.isBuffer(value)
    ? parseJson(value)
    : typeof value === 'string'
      ? parseJson(value)
      : undefined
  if (!isObject(given)) return {}
  return Object.fromEntries(
    Object.entries(given).map(([key, one]) => [key, (Array.isArray(one) ? one : [one]).map(String)]),
  )
}
