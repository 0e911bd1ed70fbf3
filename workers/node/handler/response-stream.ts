/** `awslambda`, as AWS's runtime has it: `streamifyResponse`, and the stream that such a handler writes its answer to. */
import { Writable } from 'node:stream'
import { RuntimeFault } from './errors.js'

const streamingKey = Symbol.for('aws.lambda.runtime.handler.streaming')
const highWaterMarkKey = Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark')
const httpContentType = 'application/vnd.awslambda.http-integration-response'
// Between the head as JSON and the body; JSON holds no NUL.
const delimiterBytes = 8

type WriteFirst = (write: (chunk: string | Uint8Array) => void) => void

/** The stream of one answer. What is written waits until `pieces` is asked for it, so a slow reader slows the handler. */
export class ResponseStream extends Writable {
  /** Called before the first write; AWS's `HttpResponseStream.from` sets it. */
  _onBeforeFirstWrite: WriteFirst | undefined
  /** Content type of the answer. */
  contentType = 'application/octet-stream'
  readonly #queue: Uint8Array[] = []
  #hasBegun = false
  #isFinished = false
  #isFailed = false
  /** Continues the handler's write. */
  #taken: ((error?: Error | null) => void) | undefined
  /** Wakes the one who reads the pieces. */
  #wake: (() => void) | undefined

  constructor(highWaterMark: number | undefined) {
    super(highWaterMark === undefined ? {} : { highWaterMark })
    // A handler may leave errors of its stream to the runtime; they are its answer then.
    this.on('error', () => this.#wake?.())
    this.on('close', () => this.#wake?.())
  }

  /** Throws once something was written. */
  setContentType(contentType: string): void {
    if (this.#hasBegun)
      throw new RuntimeFault('InvalidStreamingOperation', 'Cannot set content-type, too late.')
    this.contentType = contentType
  }

  /** Writes as AWS's stream does: a value that is neither text nor bytes becomes JSON. */
  override write(chunk: unknown, ...rest: readonly unknown[]): boolean {
    const isPlain = typeof chunk === 'string' || chunk instanceof Uint8Array || chunk === null
    return Reflect.apply(super.write, this, [isPlain ? chunk : (JSON.stringify(chunk) ?? ''), ...rest])
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#begin()
    if (chunk.length > 0) this.#queue.push(chunk)
    this.#taken = done
    this.#wake?.()
  }

  override _final(done: (error?: Error | null) => void): void {
    // A head without a body is an answer, too; a failure before the first byte is none.
    if (!this.#isFailed) this.#begin()
    this.#isFinished = true
    done()
    this.#wake?.()
  }

  #begin(): void {
    if (this.#hasBegun) return
    this.#hasBegun = true
    this._onBeforeFirstWrite?.((chunk) => void this.#queue.push(Buffer.from(chunk)))
  }

  /** Yields what is written, and ends with the stream. Throws the error with which the stream was destroyed. */
  async *pieces(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        for (let piece = this.#queue.shift(); piece !== undefined; piece = this.#queue.shift()) yield piece
        const taken = this.#taken
        this.#taken = undefined
        taken?.()
        if (this.#queue.length > 0) continue
        if (this.errored) throw this.errored
        if (this.#isFinished || this.destroyed) return
        await this.#more()
      }
    } finally {
      // The reader has disconnected: a pipeline ends, later writes are dropped.
      if (!this.#isFinished) this.destroy()
    }
  }

  async #more(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      if (this.#queue.length > 0 || this.#isFinished || this.destroyed) resolve()
    })
    this.#wake = undefined
  }

  /** The handler has failed: what it wrote before still goes out, and then the stream ends. */
  fail(): void {
    this.#isFailed = true
    if (!this.writableEnded && !this.destroyed) this.end()
  }
}

/** AWS's class of that name: makes the answer one of a Function URL or an API, with a head. */
const HttpResponseStream = {
  from(stream: ResponseStream, head: unknown): ResponseStream {
    stream.setContentType(httpContentType)
    stream._onBeforeFirstWrite = (write) => {
      write(JSON.stringify(head))
      write(new Uint8Array(delimiterBytes))
    }
    return stream
  },
}

/** Defines `awslambda`, unless AWS's own switch says no. */
export function defineAwslambda(env: NodeJS.ProcessEnv): void {
  const off = env.AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA
  if (off === '1' || off === 'true') return
  const streamifyResponse = (handler: object, options?: { readonly highWaterMark?: unknown }) => {
    Reflect.set(handler, streamingKey, 'response')
    if (typeof options?.highWaterMark === 'number')
      Reflect.set(handler, highWaterMarkKey, Math.trunc(options.highWaterMark))
    return handler
  }
  Reflect.set(globalThis, 'awslambda', { streamifyResponse, HttpResponseStream })
}

/** The options of a handler that streams; undefined for any other. Throws for an unknown kind of streaming. */
export function streamingOf(handler: object): { readonly highWaterMark: number | undefined } | undefined {
  const kind: unknown = Reflect.get(handler, streamingKey)
  if (kind === undefined || kind === null || kind === false) return undefined
  if (kind !== 'response')
    throw new RuntimeFault('MalformedStreamingHandler', 'Only response streaming is supported.')
  const mark: unknown = Reflect.get(handler, highWaterMarkKey)
  return { highWaterMark: typeof mark === 'number' && Number.isFinite(mark) ? mark : undefined }
}
