/** Messages of NATS ↔ jobs. RoadRunner's properties are headers with its names; its own JSON is read as well. Pure. */
import type { Msg, MsgHdrs } from '@nats-io/transport-node'
import { isObject, parseJson, textOf } from '../../index.js'
import { headersOf } from '../../work/protocols/record-headers.js'
import { jobRecord } from '../../work/queues/job-record.js'
import type { Delivery, Headers, NewJob } from '../../work/source.js'

/** Names of headers that have a place of their own in a job. */
export const own = {
  id: 'rr_id',
  job: 'rr_job',
  headers: 'rr_headers',
  priority: 'rr_priority',
  autoAck: 'rr_auto_ack',
  /** Wall-clock ms before which the job is not to run. */
  due: 'rr_due',
  why: 'rr_why',
  attempt: 'rr_attempt',
  failedAt: 'rr_failed_at',
} as const

/** Place of a delivery in its stream, out of its subject for answers. */
export interface DeliveryPlace {
  readonly sequence: number
  readonly count: number
  readonly timestampMs: number
}

/** Facts about the pipeline of a message. */
export interface MessageFacts {
  readonly pipeline: string
  readonly subject: string
  readonly priority: number
  readonly expiresAtMs: number
}

const priorityMax = 1000

/** Writes the headers of a new job. Its own are JSON in ASCII: NATS takes any text, its clients do not. */
export function writeJob(job: NewJob, headers: MsgHdrs, nowMs: number): MsgHdrs {
  const { id, name, priority, delayMs } = job
  headers.set(own.id, ascii(id))
  headers.set(own.job, ascii(name))
  headers.set(own.headers, ascii(JSON.stringify(job.headers)))
  headers.set(own.priority, String(priority))
  if (job.autoAck === true) headers.set(own.autoAck, 'true')
  if (delayMs > 0) headers.set(own.due, String(Math.ceil(nowMs + delayMs)))
  return headers
}

/** Reads `$JS.ACK.STREAM.CONSUMER.COUNT.SEQUENCE.…`, in its short and its long form; undefined for another subject. */
export function placeOf(reply: string | undefined): DeliveryPlace | undefined {
  const tokens = reply?.split('.') ?? []
  if (tokens[0] !== '$JS' || tokens[1] !== 'ACK') return undefined
  // The long form has the domain and the account's hash in front.
  const [count, sequence, , timestamp] = (tokens.length >= 11 ? tokens.slice(6) : tokens.slice(4)).map(Number)
  if (count === undefined || sequence === undefined) return undefined
  return { sequence, count, timestampMs: Math.floor((timestamp ?? 0) / 1e6) }
}

/** Ms until a delayed job is due; 0 for one that is. */
export function dueInMs({ headers }: Msg, nowMs: number): number {
  return Math.max(0, Number(headers?.get(own.due) || 0) - nowMs)
}

/** Makes a delivery. */
export function natsDelivery(message: Msg, place: DeliveryPlace, facts: MessageFacts): Delivery {
  const { headers, reply } = message
  const text = (name: string) => unascii(headers?.get(name) ?? '')
  const foreign = headers?.has(own.id) === true ? undefined : roadRunnerJob(message.data)
  const id = String(place.sequence)
  const priority = Number(text(own.priority) || foreign?.priority)
  // The first delivery of a delayed job is the one before its time.
  const early = headers?.has(own.due) === true && place.count > 1 ? 1 : 0
  const isAuto = text(own.autoAck) === 'true' || foreign?.isAuto === true
  return {
    id,
    source: 'nats',
    body: foreign?.body ?? message.data,
    record: jobRecord({
      kind: 'nats',
      id,
      ownId: foreign?.id ?? text(own.id),
      name: foreign?.name ?? text(own.job),
      pipeline: facts.pipeline,
      queue: message.subject,
      receipt: reply ?? '',
      attributes: { ApproximateReceiveCount: String(place.count), SentTimestamp: String(place.timestampMs) },
    }),
    headers: { ...nativeHeaders(headers), ...jobHeaders(text(own.headers)) },
    attempt: place.count - early,
    priority: priority >= 1 && priority <= priorityMax ? priority : facts.priority,
    expiresAtMs: facts.expiresAtMs,
    ...(isAuto ? { autoAck: true } : {}),
  }
}

/** Reads a job as RoadRunner's own driver writes it: JSON with its payload in base64. */
function roadRunnerJob(data: Uint8Array) {
  if (data[0] !== openingBrace) return undefined
  const job = parseJson(Buffer.from(data).toString('utf8'))
  if (!isObject(job)) return undefined
  const { id, job: name, payload, options } = job
  if (typeof id !== 'string' || typeof name !== 'string' || typeof payload !== 'string' || !isObject(options))
    return undefined
  const { priority, auto_ack: isAuto } = options
  return { id, name, body: Buffer.from(payload, 'base64'), priority, isAuto: isAuto === true }
}

const openingBrace = 0x7b

function nativeHeaders(headers: MsgHdrs | undefined): Headers {
  const names = headers?.keys().filter((name) => !name.startsWith('rr_')) ?? []
  return Object.fromEntries(names.map((name) => [name, headers?.values(name) ?? []]))
}

function jobHeaders(json: string): Headers {
  const given = json === '' ? undefined : parseJson(json)
  return isObject(given) ? headersOf(given) : {}
}

/** Escapes what is not ASCII byte by byte, as in URLs. */
function ascii(text: string): string {
  const bytes = Buffer.from(text, 'utf8').toString('latin1')
  return bytes.replace(/[^ -~]|%/g, (one) => `%${one.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

function unascii(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** The text of a header of ours. */
export function ownText(headers: MsgHdrs | undefined, name: string): string | undefined {
  return textOf(unascii(headers?.get(name) ?? '')) || undefined
}

/** Sets a header of ours. */
export function setOwn(headers: MsgHdrs, name: string, value: string): void {
  headers.set(name, ascii(value))
}
