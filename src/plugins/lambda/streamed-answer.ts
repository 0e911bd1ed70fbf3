/**
 * A worker's answer as it is passed on piece by piece: before the first byte everything is still possible, afterwards it can
 * only go on, end, or end with an error behind it.
 */
import type { Reply } from '../../index.js'
import { headerType, type LambdaError } from './errors.js'
import type { ResponseStream } from './response-stream.js'
import type { Verdict } from './verdict.js'

/** How an answer begins. */
export interface StreamHead {
  readonly contentType: string
  /** Goes out before the body, each as a chunk of its own. */
  readonly prelude: readonly Uint8Array[]
  /** False: the body that the worker sends all the same is dropped. */
  readonly hasBody: boolean
}

/** What a mode knows about streaming. */
export interface StreamForm {
  /** Reads the head out of a frame; undefined: this frame comes before the head (early hints) and is dropped. Throws on nonsense. */
  readonly headOf: (reply: Reply) => StreamHead | undefined
  /** What an answer that came in one frame means; absent: what it means everywhere else. */
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

  /** What was wrong with a frame before the first byte went out; nothing goes out any more. */
  get fault(): unknown {
    return this.#fault
  }

  /** Passes a frame on; resolves when there is room for the next. Rejects when it has no head that can be read. */
  async take(reply: Reply): Promise<void> {
    if (this.#isEnded) return
    if (this.#fault !== undefined) throw this.#fault
    const stream = this.#stream ?? (await this.#begin(reply))
    if (this.#hasBody) await stream?.write(reply.body)
  }

  async #begin(reply: Reply): Promise<ResponseStream | undefined> {
    let head: StreamHead | undefined
    try {
      head = this.#form.headOf(reply)
    } catch (error) {
      this.#fault = error
      throw error
    }
    if (head === undefined) return undefined
    const stream = this.#open(head.contentType)
    this.#stream = stream
    this.#hasBody = head.hasBody
    stream.gone.addEventListener('abort', () => this.#gone.abort(), { once: true })
    // Chunks of their own, so that the reader has the head before the first byte of the body.
    for (const piece of head.prelude) await stream.write(piece)
    return stream
  }

  /** The last frame: passed on, and the answer is whole. */
  async end(reply: Reply): Promise<void> {
    await this.take(reply)
    if (this.#isEnded) return
    this.#isEnded = true
    await this.#stream?.end()
  }

  /** Somebody else has answered before it had begun: nothing goes out any more. */
  abandon(): void {
    this.#isEnded = true
  }

  /** Something went wrong after it had begun. */
  async fail(error: LambdaError): Promise<void> {
    if (this.#isEnded) return
    this.#isEnded = true
    await this.#stream?.fail(error, headerType(error))
  }
}
