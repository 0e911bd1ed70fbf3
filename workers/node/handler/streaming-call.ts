/** Calls a handler of `awslambda.streamifyResponse`: what it writes is the answer. */
import type { EmptyLoop } from './empty-loop.js'
import type { LambdaHandler } from './file.js'
import type { ResponseStream } from './response-stream.js'

/** Options of a call. */
export interface StreamingOptions {
  readonly event: unknown
  readonly context: object
  readonly stream: ResponseStream
  readonly loop: EmptyLoop
}

/** A call that is under way. */
export class StreamingCall {
  readonly #stream: ResponseStream
  readonly #loop: EmptyLoop
  readonly #handled: Promise<void>
  /** The first counts. */
  #failure: { readonly error: unknown } | undefined
  #isHandled = false

  /** Calls the handler. */
  constructor(handler: LambdaHandler, options: StreamingOptions) {
    this.#stream = options.stream
    this.#loop = options.loop
    this.#handled = call(handler, options).then(
      () => {
        this.#isHandled = true
      },
      (error: unknown) => this.fail(error),
    )
  }

  /** Fails the call, after what was written so far. */
  fail(error: unknown): void {
    this.#isHandled = true
    this.#failure ??= { error }
    this.#stream.fail()
  }

  /** Yields what is written. Throws the handler's error. */
  async *pieces(): AsyncGenerator<Uint8Array> {
    const pieces = this.#stream.pieces()
    try {
      for (;;) {
        this.#loop.watch(() => this.fail('Response stream is not finished.'))
        const next = await pieces.next()
        this.#loop.end()
        if (next.done === true) break
        yield next.value
      }
      // The handler may go on after its last byte. If nothing is left that could settle its promise, the answer is
      // complete.
      const isIdle = new Promise<void>((resolve) => this.#loop.watch(resolve))
      if (!this.#isHandled) await Promise.race([this.#handled, isIdle])
      if (this.#failure !== undefined) throw this.#failure.error
    } finally {
      this.#loop.end()
      await pieces.return(undefined)
    }
  }
}

async function call(handler: LambdaHandler, { event, context, stream }: StreamingOptions): Promise<void> {
  const returned = handler(event, stream, Object.assign({ callbackWaitsForEmptyEventLoop: true }, context))
  const isPromise = typeof returned === 'object' && returned !== null && 'then' in returned
  if (!isPromise) throw 'Streaming does not support non-async handlers.'
  if ((await returned) !== undefined) console.warn('Streaming handlers ignore return values.')
}
