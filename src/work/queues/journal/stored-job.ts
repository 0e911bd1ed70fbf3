/** Jobs of a pipeline ↔ entries of a journal: one for the job as it was pushed, one for what became of it since. Pure. */
import { isObject, type JournalChange, parseJson, textOf } from '../../../index.js'
import { headersOf } from '../../protocols/record-headers.js'
import type { Headers, NewJob } from '../../source.js'

/** Why a job is kept as failed. */
export interface StoredFailure {
  readonly why: string
  readonly attempt: number
  readonly atMs: number
}

/** Changes of a job since it was pushed. */
export interface StoredState {
  /** Tries that failed. */
  readonly tries: number
  /** Wall-clock ms before which it is not delivered; 0: at once. */
  readonly dueMs: number
  readonly failure?: StoredFailure | undefined
}

/** A job as it was pushed, without its body. */
export interface StoredJob {
  readonly id: string
  readonly name: string
  readonly headers: Headers
  readonly priority: number
  readonly pushedMs: number
  readonly dueMs: number
  readonly lane: string | undefined
  readonly isAutoAck: boolean
}

const lengthBytes = 4
const priorityDefault = 10

/** Key of a job's entry. */
export function jobKey(sequence: number): string {
  return `j${sequence}`
}

/** Key of the entry with a job's changes. */
export function stateKey(sequence: number): string {
  return `s${sequence}`
}

/** Reads a key; undefined for one of another kind. */
export function readKey(key: string): { readonly kind: 'j' | 's'; readonly sequence: number } | undefined {
  const sequence = Number(key.slice(1))
  const kind = key[0]
  return (kind === 'j' || kind === 's') && Number.isSafeInteger(sequence) ? { kind, sequence } : undefined
}

/** Makes the entry of a new job. */
export function jobEntry(sequence: number, job: NewJob, nowMs: number): JournalChange {
  const { id, name, headers, priority, delayMs, lane, autoAck, body } = job
  const head = {
    id,
    name,
    headers,
    priority,
    at: nowMs,
    due: delayMs > 0 ? nowMs + delayMs : undefined,
    lane,
    ack: autoAck,
  }
  const text = JSON.stringify(head)
  const headBytes = Buffer.byteLength(text)
  const bodyBytes = typeof body === 'string' ? Buffer.byteLength(body) : body.length
  // Of Node's pool where it is small: jobs that are pushed together mostly end together.
  const value = Buffer.allocUnsafe(lengthBytes + headBytes + bodyBytes)
  value.writeUInt32LE(headBytes)
  value.write(text, lengthBytes)
  if (typeof body === 'string') value.write(body, lengthBytes + headBytes)
  else value.set(body, lengthBytes + headBytes)
  return { key: jobKey(sequence), value }
}

/** Reads a job's head; what is not there has its default. */
export function readJob(value: Buffer): StoredJob {
  const given = parseJson(value.toString('utf8', lengthBytes, bodyStart(value)))
  const head = isObject(given) ? given : {}
  return {
    id: textOf(head.id) ?? '',
    name: textOf(head.name) ?? '',
    headers: isObject(head.headers) ? headersOf(head.headers) : {},
    priority: numberOf(head.priority) ?? priorityDefault,
    pushedMs: numberOf(head.at) ?? 0,
    dueMs: numberOf(head.due) ?? 0,
    lane: textOf(head.lane),
    isAutoAck: head.ack === true,
  }
}

/** The body of a job: not a copy. */
export function storedBody(value: Buffer): Buffer {
  return value.subarray(bodyStart(value))
}

/** Makes the entry with a job's changes. */
export function stateEntry(sequence: number, { tries, dueMs, failure }: StoredState): JournalChange {
  const text = JSON.stringify({ tries, ...(dueMs > 0 ? { due: dueMs } : {}), failure })
  const value = Buffer.allocUnsafeSlow(Buffer.byteLength(text))
  value.write(text)
  return { key: stateKey(sequence), value }
}

/** Reads a job's changes. */
export function readState(value: Buffer | undefined): StoredState {
  const given = value === undefined ? undefined : parseJson(value)
  const { tries, due, failure } = isObject(given) ? given : {}
  return { tries: numberOf(tries) ?? 0, dueMs: numberOf(due) ?? 0, failure: failureOf(failure) }
}

function failureOf(given: unknown): StoredFailure | undefined {
  if (!isObject(given)) return undefined
  return {
    why: textOf(given.why) ?? '',
    attempt: numberOf(given.attempt) ?? 1,
    atMs: numberOf(given.atMs) ?? 0,
  }
}

function bodyStart(value: Buffer): number {
  return lengthBytes + (value.length < lengthBytes ? 0 : value.readUInt32LE())
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}
