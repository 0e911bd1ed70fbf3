/** Reads a worker's frame as the answer to a job. Pure; `worker.ts` acts on it. */
import { type Frame, FrameFlag, StreamBit } from '../../../ipc/frame.js'
import type { Reply } from '../../job.js'
import { noJobId, takeJobId } from './id.js'

/** Parsed answer. `leaves` means that the worker ends once the job is settled. */
export type WorkerAnswer =
  | { readonly kind: 'reply'; readonly reply: Reply; readonly leaves: boolean }
  /** Error answer. `isAnonymous` means that it may be about another job: it has no number although its worker knows them. */
  | {
      readonly kind: 'error'
      readonly text: string
      readonly leaves: boolean
      readonly isAnonymous: boolean
    }
  | {
      readonly kind: 'chunk'
      readonly reply: Reply
      readonly wantsPong: boolean
      readonly leaves: boolean
    }
  | { readonly kind: 'self_stop' }
  | ForeignAnswer
  | { readonly kind: 'bad'; readonly what: string }

/** Answer to another job than the running one. `wantsPong` means that its worker waits for a PONG. */
export interface ForeignAnswer {
  readonly kind: 'foreign'
  readonly jobId: number
  readonly wantsPong: boolean
}

/** An answer that ends its job. */
export type WholeAnswer = Exclude<WorkerAnswer, { readonly kind: 'bad' | 'chunk' | 'foreign' }>

/** Properties of the job that its reply must match. */
export interface ReplyExpectation {
  readonly takesStream?: boolean
  /** Number that the answer must carry, `noJobId` if the job has none; undefined when the worker did not announce `job_id`. */
  readonly jobId?: number | undefined
}

const stopKey = Buffer.from('"stop"')
const leaveKey = Buffer.from('"leave"')
// PHP sends 13 bytes; other languages' encoders put spaces between them.
const selfStopBytesMax = 64

/** Reads a frame as the answer to a job; copies what it keeps, as the frame's payload is a view. */
export function readReply(frame: Frame, { takesStream = false, jobId }: ReplyExpectation = {}): WorkerAnswer {
  const { flags, stream, options, payload } = frame
  const isError = (flags & FrameFlag.error) !== 0
  if (isError && (jobId === undefined || options.length === 0)) {
    const isAnonymous = jobId !== undefined && jobId !== noJobId
    return { kind: 'error', text: payload.toString('utf8'), leaves: false, isAnonymous }
  }
  if ((flags & FrameFlag.control) !== 0) return { kind: 'bad', what: 'a control frame instead of an answer' }
  if (options.length !== 1)
    return { kind: 'bad', what: `an answer with ${options.length} options instead of 1` }
  const contextBytes = options[0] ?? 0
  if (contextBytes > payload.length) {
    return {
      kind: 'bad',
      what: `an answer of ${payload.length} bytes that says its context has ${contextBytes}`,
    }
  }
  const copy = Buffer.from(payload)
  let context: Buffer = copy.subarray(0, contextBytes)
  const body = copy.subarray(contextBytes)
  const wantsPong = (stream & StreamBit.ping) !== 0
  if (jobId !== undefined) {
    // The end of a protobuf message may look like one.
    const taken = (flags & FrameFlag.proto) === 0 ? takeJobId(context) : undefined
    const told = taken?.jobId ?? noJobId
    if (taken !== undefined && told !== jobId) return { kind: 'foreign', jobId: told, wantsPong }
    if (told !== jobId) {
      return {
        kind: 'bad',
        what: `an answer without jobId ${jobId}, although it announced the feature job_id`,
      }
    }
    context = taken?.context ?? context
  }
  const leaves = doesLeave(context)
  if (isError) return { kind: 'error', text: body.toString('utf8'), leaves, isAnonymous: false }
  if (stream !== 0 && !takesStream)
    return { kind: 'bad', what: 'a streamed answer, which this mode does not take' }
  if (body.length === 0 && isSelfStop(context)) return { kind: 'self_stop' }
  const reply = { context, body, flags }
  if ((stream & StreamBit.more) === 0) return { kind: 'reply', reply, leaves }
  return { kind: 'chunk', reply, wantsPong, leaves }
}

/** Reads a frame as the answer to a control message: another one, or an ERROR frame. */
export function readControlReply({ flags, payload }: Frame): WorkerAnswer {
  const isError = (flags & FrameFlag.error) !== 0
  if (isError) return { kind: 'error', text: payload.toString('utf8'), leaves: false, isAnonymous: false }
  if ((flags & FrameFlag.control) === 0)
    return { kind: 'bad', what: 'an answer to a job instead of one to a control message' }
  const reply = { context: Buffer.from(payload), body: Buffer.alloc(0), flags }
  return { kind: 'reply', reply, leaves: false }
}

/** Recognises `{"stop":true}` with any spacing and nothing else in it. */
function isSelfStop(context: Buffer): boolean {
  if (context.length > selfStopBytesMax || !context.includes(stopKey)) return false
  return /^\s*\{\s*"stop"\s*:\s*true\s*(,\s*"leave"\s*:\s*true\s*)?\}\s*$/.test(context.toString('latin1'))
}

/** Recognises `"leave": true` among the context's top-level keys. */
function doesLeave(context: Buffer): boolean {
  if (context.length === 0 || !context.includes(leaveKey)) return false
  try {
    const value: unknown = JSON.parse(context.toString('utf8'))
    return typeof value === 'object' && value !== null && 'leave' in value && value.leave === true
  } catch {
    // Not JSON (protobuf): such a context cannot ask to leave.
    return false
  }
}
