/**
 * Adds a job's number to its context and takes it out of the answer's. Only workers that announced `job_id` are sent one. Pure;
 * `reply.ts` decides what a wrong number means.
 */
import { type Frame, FrameFlag } from '../../../ipc/frame.js'
import { Codec, type Job } from '../../job.js'

/** Feature of workers that echo the number of a job. */
export const jobIdFeature = 'job_id'
/** Number of a job whose context cannot carry one. */
export const noJobId = 0

const [openBrace, closeBrace] = [0x7b, 0x7d]

/** Returns the context to send and the number that the answer must carry; for a worker without `job_id` the context is unchanged. */
export function numbered(
  job: Job,
  jobId: number | undefined,
): { readonly context: Uint8Array | string; readonly jobId: number | undefined } {
  if (jobId === undefined || job.codec === Codec.control) return { context: job.context, jobId: undefined }
  const context = withJobId(job, jobId)
  return context === undefined ? { context: job.context, jobId: noJobId } : { context, jobId }
}

/**
 * Returns the context of `job` with `"jobId"` as its last key, or undefined when the context is not a JSON object. The context is
 * not parsed, since its length is up to the job's caller.
 */
export function withJobId({ context, codec }: Job, jobId: number): Uint8Array | string | undefined {
  if (context.length === 0) return codec === Codec.proto ? undefined : `{"jobId":${jobId}}`
  if (codec === Codec.proto) return undefined
  if (typeof context === 'string') return textWithJobId(context, jobId)
  if (context[0] === openBrace && context.at(-1) === closeBrace) {
    const key = Buffer.from(`${isEmptyObject(context) ? '' : ','}"jobId":${jobId}}`)
    return Buffer.concat([context.subarray(0, -1), key])
  }
  return textWithJobId(Buffer.from(context.buffer, context.byteOffset, context.length).toString(), jobId)
}

function textWithJobId(context: string, jobId: number): string | undefined {
  const isTight = context.charCodeAt(0) === openBrace && context.charCodeAt(context.length - 1) === closeBrace
  const text = isTight ? context : context.trim()
  if (!text.startsWith('{') || !text.endsWith('}')) return undefined
  const isEmpty = text.length < 64 && text.slice(1, -1).trim() === ''
  return `${text.slice(0, -1)}${isEmpty ? '' : ','}"jobId":${jobId}}`
}

function isEmptyObject(context: Uint8Array): boolean {
  return (
    context.length < 64 &&
    Buffer.from(context)
      .toString('latin1', 1, context.length - 1)
      .trim() === ''
  )
}

/** Context of an answer without its number, and the number. */
export interface NumberedContext {
  readonly jobId: number
  readonly context: Buffer
}

const key = Buffer.from('"jobId"')
const tailBytesMax = 32
const noContext = Buffer.alloc(0)
// In valid JSON a comma, this key and the last brace are the object's last member: within a text the quotes are escaped.
const tailPattern = /[{,]"jobId":(\d{1,15})\}$/

/**
 * Takes the number out of an answer's context; undefined when there is none. Writes into `context` where that saves a copy.
 */
export function takeJobId(context: Buffer): NumberedContext | undefined {
  const from = Math.max(0, context.length - tailBytesMax)
  const tail = tailPattern.exec(context.toString('latin1', from))
  const at = tail === null ? 0 : from + tail.index
  if (tail === null || (context[at] === openBrace && at > 0)) return takeParsed(context)
  const jobId = Number(tail[1])
  if (at === 0) return { jobId, context: noContext }
  context[at] = closeBrace
  return { jobId, context: context.subarray(0, at + 1) }
}

/** Returns the number in the context of an answer, without a change to it; undefined when it has none. */
export function answeredJobId({ flags, options, payload }: Frame): number | undefined {
  const [contextBytes = 0] = options
  if (options.length !== 1 || contextBytes > payload.length || (flags & FrameFlag.proto) !== 0)
    return undefined
  const context = payload.subarray(0, contextBytes)
  const tail = tailPattern.exec(context.toString('latin1', Math.max(0, context.length - tailBytesMax)))
  return tail === null ? takeParsed(context)?.jobId : Number(tail[1])
}

/** Finds the number at other places, or with spaces: encoders differ. */
function takeParsed(context: Buffer): NumberedContext | undefined {
  if (!context.includes(key)) return undefined
  let value: unknown
  try {
    value = JSON.parse(context.toString('utf8'))
  } catch {
    // Not JSON, so it has no number.
    return undefined
  }
  if (typeof value !== 'object' || value === null || !('jobId' in value)) return undefined
  const { jobId, ...rest } = value
  if (typeof jobId !== 'number') return undefined
  const isAlone = Object.keys(rest).length === 0
  return { jobId, context: isAlone ? noContext : Buffer.from(JSON.stringify(rest)) }
}
