/**
 * Joins the frames of a streamed answer into a buffered one. Separate from `http-stream.ts`, because modes without HTTP use
 * it, too, and a cold start loads only what its mode needs.
 */
import { ErrorCode, RelayError, type Reply } from '../../../index.js'
import { resultBytesMax } from '../answer/answer.js'

/** Puts the frames of a stream together again, where the answer goes out whole. */
export class ChunkCollector {
  readonly #isHead: (context: Uint8Array) => boolean
  readonly #bodies: Uint8Array[] = []
  #head: Uint8Array | undefined
  #bytes = 0
  #fault: RelayError | undefined

  /** `isHead`: whether the answer begins with this frame; frames before it are dropped. */
  constructor(isHead: (context: Uint8Array) => boolean) {
    this.#isHead = isHead
  }

  /** Fault for which the answer cannot be completed; undefined without one. */
  get fault(): RelayError | undefined {
    return this.#fault
  }

  /** Takes a frame. Throws RR_IPC_FRAME_TOO_LARGE when the whole would be more than Lambda takes, and from then on. */
  take({ context, body }: Reply): void {
    if (this.#fault !== undefined) throw this.#fault
    if (this.#head === undefined && !this.#isHead(context)) return
    this.#head ??= context
    this.#bytes += body.length
    if (this.#bytes > resultBytesMax) {
      const text = `a streamed answer has more than ${resultBytesMax} bytes, which is what Lambda takes at once`
      this.#bodies.length = 0
      this.#fault = new RelayError(ErrorCode.FrameTooLarge, text, {
        hint: 'Set `lambda.streaming: on`, or let the worker answer with less.',
      })
      throw this.#fault
    }
    this.#bodies.push(body)
  }

  /** The whole, its last frame included. Throws what `take` threw. */
  whole(last: Reply): Reply {
    if (this.#fault !== undefined) throw this.#fault
    if (this.#head === undefined) return last
    return { context: this.#head, body: Buffer.concat([...this.#bodies, last.body]), flags: last.flags }
  }
}
