/** What a worker's frame means as the answer to a job. Pure; `worker.ts` acts on it. */
import { type Frame, FrameFlag, StreamBit } from '../../ipc/frame.js'
import type { Reply } from '../job.js'

/** An answer as it was understood. */
export type Answer =
  | { readonly kind: 'reply'; readonly reply: Reply }
  | { readonly kind: 'error'; readonly text: string }
  | { readonly kind: 'chunk'; readonly reply: Reply; readonly wantsPong: boolean }
  | { readonly kind: 'self_stop' }
  | { readonly kind: 'bad'; readonly what: string }

/** An answer that ends its job. */
export type WholeAnswer = Exclude<Answer, { readonly kind: 'bad' | 'chunk' }>

const stopKey = Buffer.from('"stop"')
// PHP sends 13 bytes; other languages' encoders put spaces between them.
const selfStopBytesMax = 64

/** Reads a frame as the answer to a job; copies what it keeps, as the frame's payload is a view. */
export function readReply(frame: Frame, takesStream = false): Answer {
  const { flags, stream, options, payload } = frame
  if ((flags & FrameFlag.error) !== 0) return { kind: 'error', text: payload.toString('utf8') }
  if ((flags & FrameFlag.control) !== 0) return { kind: 'bad', what: 'a control frame instead of an answer' }
  if (stream !== 0 && !takesStream)
    return { kind: 'bad', what: 'a streamed answer, which this mode does not take' }
  if (options.length !== 1)
    return { kind: 'bad', what: `an answer with ${options.length} options instead of 1` }
  const contextBytes = options[0] ?? 0
  if (contextBytes > payload.length) {
    return {
      kind: 'bad',
      what: `an answer of ${payload.length} bytes that says its context has ${contextBytes}`,
    }
  }
  if (contextBytes === payload.length && isSelfStop(payload)) return { kind: 'self_stop' }
  const copy = Buffer.from(payload)
  const reply = { context: copy.subarray(0, contextBytes), body: copy.subarray(contextBytes), flags }
  if ((stream & StreamBit.more) === 0) return { kind: 'reply', reply }
  return { kind: 'chunk', reply, wantsPong: (stream & StreamBit.ping) !== 0 }
}

/** Reads a frame as the answer to a control message: another one, or an ERROR frame. */
export function readControlReply({ flags, payload }: Frame): Answer {
  if ((flags & FrameFlag.error) !== 0) return { kind: 'error', text: payload.toString('utf8') }
  if ((flags & FrameFlag.control) === 0)
    return { kind: 'bad', what: 'an answer to a job instead of one to a control message' }
  return { kind: 'reply', reply: { context: Buffer.from(payload), body: Buffer.alloc(0), flags } }
}

/** `{"stop":true}` and nothing else, however it is spaced. */
function isSelfStop(context: Buffer): boolean {
  if (context.length > selfStopBytesMax || !context.includes(stopKey)) return false
  return /^\s*\{\s*"stop"\s*:\s*true\s*\}\s*$/.test(context.toString('latin1'))
}
