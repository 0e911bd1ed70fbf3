/** Control messages: the JSON of frames with the CONTROL flag. Any other than these kills a PHP worker, so there are no more. */
import { type Frame, FrameFlag, type FrameParts } from './frame.js'

/** Server to worker, first of all: answer with your pid. */
export function pidRequest(ownPid: number): FrameParts {
  return { flags: FrameFlag.control | FrameFlag.json, options: [], head: `{"pid":${ownPid}}` }
}

/** What a worker answered: who it is, and which extensions of ours it understands. */
export interface PidReply {
  readonly pid: number
  readonly features: readonly string[]
}

/** Reads a PID reply; undefined when the frame is none. */
export function readPidReply(frame: Frame): PidReply | undefined {
  if ((frame.flags & FrameFlag.control) === 0) return undefined
  let message: unknown
  try {
    message = JSON.parse(frame.payload.toString('utf8'))
  } catch {
    // Not JSON, so not a PID reply: the caller shows what came.
    return undefined
  }
  if (typeof message !== 'object' || message === null || !('pid' in message)) return undefined
  const { pid } = message
  if (typeof pid !== 'number' || !Number.isInteger(pid) || pid <= 0) return undefined
  const features = 'features' in message && Array.isArray(message.features) ? message.features : []
  return { pid, features: features.filter((one): one is string => typeof one === 'string') }
}
