/**
 * Control messages: the JSON of frames with the CONTROL flag. There are two for every worker, "who are you" and "stop"; any other message
 * kills a PHP worker, so the server sends a third only to those that announced it. Pure.
 */
import { type Frame, FrameFlag, type FrameParts } from './frame.js'

const controlJson = FrameFlag.control | FrameFlag.json

/** Server to worker, first of all: answer with your pid. */
export function pidRequest(ownPid: number): FrameParts {
  return { flags: controlJson, options: [], head: `{"pid":${ownPid}}` }
}

/** Server to worker: exit with code 0. */
export const stopRequest: FrameParts = { flags: controlJson, options: [], head: '{"stop":true}' }

/** Server to worker: the job of this number is not waited for any more; the worker ends it and answers it all the same. */
export function cancelRequest(jobId: number): FrameParts {
  return { flags: controlJson, options: [], head: `{"cancel":{"jobId":${jobId}}}` }
}

/** Extensions that a worker announced. */
export interface Announced {
  /** Names of the extensions of ours that it understands. */
  readonly features: readonly string[]
  /** Number of jobs that it runs at once, 1 or more; undefined when it did not say. */
  readonly concurrency?: number | undefined
  /** Limit in ms that it sets for each of its jobs itself; undefined when it did not say. */
  readonly limitMs?: number | undefined
}

/** Answer of a worker to the PID request: its pid, and what it announces. */
export interface PidReply extends Announced {
  readonly pid: number
}

/** Worker to server: the answer to the PID request, without `features` when there are none. */
export function pidReply({ pid, features, concurrency, limitMs }: PidReply): FrameParts {
  const message = features.length === 0 ? { pid } : { pid, features, concurrency, limit_ms: limitMs }
  return { flags: FrameFlag.control, options: [], head: JSON.stringify(message) }
}

/** Reads a PID reply; undefined for any other frame. Features that are not texts are left out. */
export function readPidReply(frame: Frame): PidReply | undefined {
  const message = readControl(frame)
  if (message === undefined || !('pid' in message)) return undefined
  const { pid } = message
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid <= 0) return undefined
  const features = 'features' in message && Array.isArray(message.features) ? message.features : []
  const concurrency = 'concurrency' in message ? message.concurrency : undefined
  const limitMs = 'limit_ms' in message ? message.limit_ms : undefined
  return {
    pid,
    features: features.filter((one): one is string => typeof one === 'string'),
    ...(typeof concurrency === 'number' && concurrency >= 1 ? { concurrency: Math.floor(concurrency) } : {}),
    ...(typeof limitMs === 'number' && limitMs > 0 ? { limitMs } : {}),
  }
}

/** The JSON object of a control frame; undefined when the frame has no CONTROL flag or holds anything else. */
export function readControl(frame: Frame): object | undefined {
  if ((frame.flags & FrameFlag.control) === 0) return undefined
  try {
    const message: unknown = JSON.parse(frame.payload.toString('utf8'))
    return typeof message === 'object' && message !== null ? message : undefined
  } catch {
    // Not JSON, so no control message: the caller shows what came.
    return undefined
  }
}
