/**
 * A worker's answer as it is passed on piece by piece: before the first byte everything is still possible, afterwards it can
 * only go on, end, or end with an error behind it.
 */
import { onAbort, type Reply } from '../../../index.js'
import type { Verdict } from '../../../work/verdict.js'
import { headerType, type LambdaError } from '../errors.js'
import type { ResponseStream } from '../runtime-api/response-stream.js'

/** Beginning of an answer. */
export interface StreamHead {
  readonly contentType: string
  /** Goes out before the body, each as a chunk of its own. */
  readonly prelude: readonly Uint8Array[]
  /** False: the body that the worker sends all the same is dropped. */
  readonly hasBody: boolean
}

/** Streaming of a mode. */
export interface StreamForm {
  /** Reads the head out of a frame; undefined: this frame comes before the head (early hints) and is dropped. Throws on nonsense. */
  readonly headOf: (reply: Reply) => StreamHead | undefined
  /** Reads an answer that came in one frame; absent: as elsewhere. */
  readonly read?: (reply: Reply) => Verdict
}

/** One answer that may be streamed. */
export class StreamedAnswer {
  readonly #form: StreamForm
  readonly #open: (contentType: string) => ResponseStream
  readonly #gone = new AbortController()
  #stream: ResponseStream | undefined
  #hasBody = true
  #isEnded = false
  #fault: unknown

  constructor(form: StreamForm, open: (contentType: string) => ResponseStream) {
    this.#form = form
    this.#open = open
  }

  /** Bytes have gone out: the answer is this one, whatever comes. */
  get hasBegun(): boolean {
    return this.#stream !== undefined
  }

  /** Aborted when the reader has gone. */
  get gone(): AbortSignal {
    return this.#gone.signal
  }

  /** Fault of a frame before the first byte was sent; nothing is sent afterwards. */
  get fault(): unknown {
    return this.#fault
  }

  /** Passes a frame on; resolves when there is room for the next. Rejects when it has no head that can be read. */
  async take(reply: Reply): Promise<void> {
    if (this.#isEnded) return
    const prelude = this.#stream === undefined ? this.#begin(reply) : []
    // Chunks of their own, so that the reader has the head before the first byte of the body.
    for (const piece of prelude) await this.#stream?.write(piece)
    if (this.#hasBody) await this.#stream?.write(reply.body)
  }

  /** Opens the stream; returns what goes out before the body. Opens none for a frame that comes before the head. */
  #begin(reply: Reply): readonly Uint8Array[] {
    if (this.#fault !== undefined) throw this.#fault
    let head: StreamHead | undefined
    try {
      head = this.#form.headOf(reply)
    } catch (error) {
      this.#fault = error
      throw error
    }
    if (head === undefined) return []
    const stream = this.#open(head.contentType)
    this.#stream = stream
    this.#hasBody = head.hasBody
    onAbort(stream.gone, () => this.#gone.abort())
    return head.prelude
  }

  /** The last frame: passed on, and the answer is whole. When it is also the first, it goes out at once with its length. */
  async end(reply: Reply): Promise<void> {
    let whole: Uint8Array | undefined
    if (this.#stream !== undefined) await this.take(reply)
    else if (!this.#isEnded) whole = this.#wholeOf(reply)
    if (this.#isEnded) return
    this.#isEnded = true
    await this.#stream?.end(whole)
  }

  #wholeOf(reply: Reply): Uint8Array {
    const prelude = this.#begin(reply)
    const body = this.#hasBody ? [reply.body] : []
    return prelude.length === 0 && this.#hasBody ? reply.body : Buffer.concat([...prelude, ...body])
  }

  /** Gives up an answer that had not begun, since the event was answered otherwise; nothing is sent. */
  abandon(): void {
    this.#isEnded = true
  }

  /** Ends an answer that had begun with an error. */
  async fail(error: LambdaError): Promise<void> {
    if (this.#isEnded) return
    this.#isEnded = true
    await this.#stream?.fail(error, headerType(error))
  }
}
