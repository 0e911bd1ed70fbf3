/** Jobs ↔ the bytes in a tube: a line that says what the job is, and its body. Bytes without that line are a foreign job's body. Pure. */
import { isObject, parseJson, textOf } from '../../index.js'
import { headersOf } from '../../work/protocols/record-headers.js'
import { jobRecord } from '../../work/queues/job-record.js'
import type { Delivery, NewJob } from '../../work/source.js'

/** A reserved job as beanstalkd has it. */
export interface ReservedJob {
  readonly id: string
  readonly data: Buffer
  /** Number of this delivery. */
  readonly reserves: number
  readonly ageSeconds: number
}

/** Facts about the pipeline of a job. */
export interface TubeFacts {
  readonly pipeline: string
  readonly tube: string
  readonly priority: number
  readonly receipt: string
  readonly attempt: number
  readonly expiresAtMs: number
  readonly nowMs: number
}

const mark = 'relayrunner/1 '
const newline = 0x0a
const priorityMax = 1000

/** Writes a new job. */
export function jobBytes({ id, name, headers, priority, autoAck, body }: NewJob): Buffer {
  const about = { id, job: name, headers, priority, ...(autoAck === true ? { auto_ack: true } : {}) }
  return Buffer.concat([Buffer.from(`${mark}${JSON.stringify(about)}\n`), Buffer.from(body)])
}

/** Makes a delivery. */
export function tubeDelivery({ id, data, reserves, ageSeconds }: ReservedJob, facts: TubeFacts): Delivery {
  const { about, body } = readJob(data)
  const { id: ownId, job, headers, priority, auto_ack: isAuto } = about
  const isPriority = typeof priority === 'number' && priority >= 1 && priority <= priorityMax
  return {
    id,
    source: 'beanstalk',
    body,
    record: jobRecord({
      kind: 'beanstalk',
      id,
      ownId: textOf(ownId),
      name: textOf(job),
      pipeline: facts.pipeline,
      queue: facts.tube,
      receipt: facts.receipt,
      attributes: {
        ApproximateReceiveCount: String(reserves),
        SentTimestamp: String(Math.round(facts.nowMs - ageSeconds * 1000)),
      },
    }),
    headers: isObject(headers) ? headersOf(headers) : {},
    attempt: facts.attempt,
    priority: isPriority ? priority : facts.priority,
    expiresAtMs: facts.expiresAtMs,
    ...(isAuto === true ? { autoAck: true } : {}),
  }
}

/** Returns the name of the job in these bytes; empty for a foreign one. */
export function jobNameOf(data: Buffer): string {
  return textOf(readJob(data).about.job) ?? ''
}

function readJob(data: Buffer): { readonly about: Readonly<Record<string, unknown>>; readonly body: Buffer } {
  const end = data.toString('latin1', 0, mark.length) === mark ? data.indexOf(newline) : -1
  const about = end < 0 ? undefined : parseJson(data.toString('utf8', mark.length, end))
  return isObject(about) ? { about, body: data.subarray(end + 1) } : { about: {}, body: data }
}
