/**
 * A worker's answer as it is passed on piece by piece: before the first byte everything is still possible, afterwards it can
 * only go on, end, or end with an error behind it.
 */
import type { Reply } from '../../index.js'
import { headerType, type LambdaError } from './errors.js'
import type { ResponseStream } from './response-stream.js'

/** How an answer begins. */
export interface StreamHead {
  readonly contentType: string
  /** Goes out before the body. */
  readonly prelude: Uint8Array
}

/** What a mode knows about streaming. */
export interface StreamForm {
  /** Reads the head out of a frame; undefined: this frame comes before the head (early hints) and is dropped. Throws on nonsense. */
  readonly headOf: (reply: Reply) => StreamHead | undefined
}

/** One answer that may be streamed. */
export class StreamedAnswer {
  readonly #form: StreamForm
  readonly #open: (contentType: string) => ResponseStream
  readonly #gone = new AbortController()
  #stream: ResponseStream | undefined
  #isEnded = false

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

  /** Passes a frame on; resolves when there is room for the next. */
  async take(reply: Reply): Promise<void> {
    if (this.#isEnded) return
    if (this.#stream === undefined) {
      const head = this.#form.headOf(reply)
      if (head === undefined) return
      const stream = this.#open(head.contentType)
      this.#stream = stream
      stream.gone.addEventListener('abort', () => this.#gone.abort(), { once: true })
      // A chunk of its own, so that the reader has the head before the first byte of the body.
      await stream.write(head.prelude)
    }
    await this.#stream.write(reply.body)
  }

  /** The last frame: passed on, and the answer is whole. */
  async end(reply: Reply): Promise<void> {
    await this.take(reply)
    if (this.#isEnded) return
    this.#isEnded = true
    await this.#stream?.end()
  }

  /** Something went wrong after it had begun. */
  async fail(error: LambdaError): Promise<void> {
    if (this.#isEnded) return
    this.#isEnded = true
    await this.#stream?.fail(error, headerType(error))
  }
}
