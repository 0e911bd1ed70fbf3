/**
 * Checks the jobs that plugins hand to pools before a worker is assigned, so that a plugin's mistake fails its own call and costs
 * no worker. A job costs a few comparisons, and nothing is allocated unless one fails.
 */
import { ErrorCode, RelayError } from '../../core/errors.js'
import { defaultRelayLimits } from '../../ipc/relay.js'
import { Codec, type Job, type JobTags, type RunOptions } from '../job.js'

const codecs: ReadonlySet<unknown> = new Set([
  ...[Codec.none, Codec.raw, Codec.json, Codec.msgpack, Codec.proto],
  undefined,
])
const bytesMax = defaultRelayLimits.payloadBytesMax

/** Returns the job, with an empty context or body where one is missing. Throws RR_JOB_INVALID, or RR_IPC_FRAME_TOO_LARGE over 64 MB. */
export function checkedJob(job: Job, pool: string): Job {
  if (typeof job !== 'object' || job === null)
    throw invalid(pool, undefined, `the job is ${kindOf(job)}`, jobHint)
  const { context, body, codec } = job
  const id = textOrNothing(job, 'id', pool)
  textOrNothing(job, 'name', pool)
  if (job.tags !== undefined) checkTags(job.tags, pool)
  if (!codecs.has(codec)) {
    const hint = 'Use a value of `Codec`, e.g. Codec.json; without one the frame has no codec.'
    throw invalid(pool, id, `codec is ${kindOf(codec)}, which is not a codec of jobs`, hint)
  }
  if (!isContent(context)) throw wrongContent('context', context, { pool, id })
  if (!isContent(body)) throw wrongContent('body', body, { pool, id })
  const bytes = lengthOf(context) + lengthOf(body)
  if (bytes > bytesMax) {
    const text = `${nameOf(id)} for pool "${pool}" has ${bytes} bytes; a frame holds ${bytesMax}`
    throw new RelayError(ErrorCode.FrameTooLarge, text, { hint: 'Send less, or a reference to it.' })
  }
  return context === undefined || body === undefined
    ? { ...job, context: context ?? '', body: body ?? '' }
    : job
}

/** Throws RR_JOB_INVALID for invalid limits, RR_WORKER_TIMEOUT for a deadline that has passed. */
export function checkRunOptions(
  options: RunOptions,
  about: { pool: string; id?: unknown; nowMs: number },
): void {
  const { deadlineMs, execTtlMs, signal, stopStream, onChunk } = options
  const { pool, nowMs } = about
  if (deadlineMs !== undefined && !(typeof deadlineMs === 'number' && deadlineMs > 0))
    throw invalid(pool, about.id, `deadlineMs is ${kindOf(deadlineMs)}`, wallClockHint)
  if (deadlineMs !== undefined && deadlineMs <= nowMs) {
    const text = `the deadline of ${nameOf(about.id)} for pool "${pool}", ${deadlineMs}, passed ${Math.round(nowMs - deadlineMs)} ms ago; it was not sent`
    throw new RelayError(ErrorCode.WorkerTimeout, text, { hint: wallClockHint })
  }
  if (execTtlMs !== undefined && !(typeof execTtlMs === 'number' && execTtlMs >= 0))
    throw invalid(pool, about.id, `execTtlMs is ${kindOf(execTtlMs)}`, ttlHint)
  if (signal !== undefined && !isSignal(signal)) throw wrongSignal('signal', signal, about)
  if (stopStream !== undefined && !isSignal(stopStream)) throw wrongSignal('stopStream', stopStream, about)
  if (onChunk !== undefined && typeof onChunk !== 'function')
    throw invalid(pool, about.id, `onChunk is ${kindOf(onChunk)}, not a function`, chunkHint)
}

const jobHint =
  'A job is { context, body, codec }; both are a string or bytes (a Buffer or Uint8Array), e.g. JSON.stringify(value).'
const wallClockHint =
  'deadlineMs is a time by the wall clock, in ms since the epoch: clock.nowMs() + 5000. For a duration use execTtlMs.'
const ttlHint = 'It is a duration in ms; 0 means no limit.'
const chunkHint = 'It is called with each frame of a streamed answer.'

function textOrNothing(job: Job, key: 'id' | 'name', pool: string): string | undefined {
  const value: unknown = job[key]
  if (value === undefined || typeof value === 'string') return value
  throw invalid(
    pool,
    undefined,
    `${key} is ${kindOf(value)}, no text`,
    'It names the job in the log: pass a string.',
  )
}

function checkTags(tags: JobTags, pool: string): void {
  if (typeof tags !== 'object' || tags === null) throw wrongTags('tags', tags, pool)
  for (const key in tags) {
    const value: unknown = tags[key]
    if (typeof value !== 'string') throw wrongTags(`tags.${key}`, value, pool)
  }
}

function wrongTags(name: string, value: unknown, pool: string): RelayError {
  const hint = 'Tags are an object of strings, e.g. { requestId: "r-1" }.'
  return invalid(pool, undefined, `${name} is ${kindOf(value)}`, hint)
}

function isContent(value: unknown): value is Uint8Array | string | undefined {
  return typeof value === 'string' || value instanceof Uint8Array || value === undefined
}

function wrongContent(
  name: string,
  value: unknown,
  about: { pool: string; id: string | undefined },
): RelayError {
  return invalid(about.pool, about.id, `${name} is ${kindOf(value)}, neither bytes nor text`, jobHint)
}

function wrongSignal(name: string, value: unknown, about: { pool: string; id?: unknown }): RelayError {
  return invalid(
    about.pool,
    about.id,
    `${name} is ${kindOf(value)}, not an AbortSignal`,
    'Pass `controller.signal`.',
  )
}

/** Returns the length in bytes; for a short text the number of its characters, which is enough to compare it with the limit. */
function lengthOf(value: Uint8Array | string | undefined): number {
  if (value === undefined) return 0
  return typeof value === 'string' && value.length * 3 > bytesMax ? Buffer.byteLength(value) : value.length
}

function isSignal(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    'aborted' in value &&
    'addEventListener' in value &&
    typeof value.addEventListener === 'function'
  )
}

/** Names the type of a given value, without its content. */
function kindOf(value: unknown): string {
  if (value === null || value === undefined || typeof value === 'number' || typeof value === 'boolean')
    return String(value)
  if (typeof value !== 'object') return `a ${typeof value}`
  const name: unknown = value.constructor?.name
  return typeof name === 'string' && name !== '' ? `of type ${name}` : 'an object'
}

function nameOf(id: unknown): string {
  return typeof id === 'string' ? `job ${id}` : 'a job'
}

function invalid(pool: string, id: unknown, what: string, hint: string): RelayError {
  return new RelayError(ErrorCode.JobInvalid, `${nameOf(id)} for pool "${pool}": ${what}`, { hint })
}
