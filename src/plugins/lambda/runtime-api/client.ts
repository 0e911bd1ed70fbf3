/**
 * The Lambda Runtime API (2018-06-01) by callbacks, as an event takes them. `/next` waits without a limit; nothing is sent twice.
 * An answer and the next `/next` may go out in one write (`lambda.pipelining`).
 */
import { type Clock, ErrorCode, type Logger, messageOf, RelayError, type Timer } from '../../../index.js'
import { ApiConnection, type ResponseSink } from './connection.js'
import type { HttpResponse } from './http-reader.js'
import { type Invocation, readInvocation } from './invocation.js'

/** Options of a client. */
export interface RuntimeClientOptions {
  /** `host:port`, as AWS_LAMBDA_RUNTIME_API says it. */
  readonly address: string
  readonly userAgent: string
  readonly clock: Clock
  readonly log: Logger
}

/** Receiver of the next event; one of its functions is called, once a request. */
export interface NextSink {
  onInvocation(invocation: Invocation): void
  /** Takes RR_RUNTIME_API: the API does not hand out events any more. */
  onFault(error: RelayError): void
  /** Takes a lost connection: asking again may help. `wasAsked` is false when the answer before it was not taken either. */
  onLost(error: RelayError, wasAsked: boolean): void
}

/** Answer to an event as it is posted. */
export interface Post {
  readonly requestId: string
  readonly body: Uint8Array | string
  /** For the header that AWS counts by; absent: it is a result. */
  readonly errorType?: string
}

const base = '/2018-06-01/runtime'
const postMsMax = 10_000

/** One poller's client. */
export class RuntimeClient {
  readonly #options: RuntimeClientOptions
  readonly #connection: ApiConnection
  readonly #getNext: string
  readonly #tail: string

  constructor(options: RuntimeClientOptions) {
    this.#options = options
    this.#connection = new ApiConnection(options.address)
    this.#tail = `Host: ${options.address}\r\nUser-Agent: ${options.userAgent}\r\n`
    this.#getNext = this.#get('/invocation/next')
  }

  /** Connects ahead of the first request. */
  open(): void {
    this.#connection.open()
  }

  /** Waits for the next event, as long as it takes. `onSent` is called once the request is out. */
  next(sink: NextSink, onSent?: () => void): void {
    this.#connection.send({ head: this.#getNext, onSent }, new Next(sink))
  }

  /** Posts an answer, once and never again; `onPosted` is called whatever becomes of it. What was refused is logged. */
  answer(post: Post, onPosted: () => void): void {
    const [path, head] = this.#answerHead(post)
    this.#connection.send({ head, body: post.body }, this.#posted(path, onPosted))
  }

  /** Posts an answer and asks for the next event in one write. `onPosted` is called before the sink is. */
  answerAndNext(post: Post, onPosted: () => void, sink: NextSink): void {
    const [path, head] = this.#answerHead(post)
    const outgoing = { head, body: post.body, behind: this.#getNext }
    this.#connection.send(outgoing, this.#posted(path, onPosted), new Next(sink))
  }

  /** Says that initialisation failed. Resolves whatever becomes of it. */
  failInit(body: string, type: string): Promise<void> {
    return this.#report('/init/error', body, type)
  }

  /** Says that a hook failed after the restore. Resolves whatever becomes of it. */
  failRestore(body: string, type: string): Promise<void> {
    return this.#report('/restore/error', body, type)
  }

  /** Waits through the snapshot, maybe for days. Rejects with RR_RUNTIME_API. */
  restoreNext(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#connection.send(
        { head: this.#get('/restore/next') },
        {
          isAwaitedAtStop: false,
          onLost: reject,
          onResponse: ({ head: { status }, body }) => {
            if (status === 200) return resolve()
            const text = `the Runtime API answered /restore/next with ${status}: ${body.toString('utf8', 0, 300)}`
            reject(new RelayError(ErrorCode.RuntimeApi, text, { details: { status } }))
          },
        },
      )
    })
  }

  /** Drops the connection, but lets an answer on its way reach the API first. An event that was asked for is lost. */
  close(): void {
    this.#connection.stop()
  }

  #get(path: string): string {
    return `GET ${base}${path} HTTP/1.1\r\n${this.#tail}\r\n`
  }

  #report(path: string, body: string, type: string): Promise<void> {
    return new Promise((resolve) => {
      this.#connection.send({ head: this.#postHead(path, body, type), body }, this.#posted(path, resolve))
    })
  }

  #answerHead({ requestId, body, errorType }: Post): readonly [path: string, head: string] {
    const path = `/invocation/${requestId}/${errorType === undefined ? 'response' : 'error'}`
    return [path, this.#postHead(path, body, errorType)]
  }

  #postHead(path: string, body: Uint8Array | string, errorType: string | undefined): string {
    const type = errorType === undefined ? '' : `Lambda-Runtime-Function-Error-Type: ${errorType}\r\n`
    const length = typeof body === 'string' ? Buffer.byteLength(body) : body.length
    return `POST ${base}${path} HTTP/1.1\r\n${this.#tail}Content-Type: application/json\r\n${type}Content-Length: ${length}\r\n\r\n`
  }

  #posted(path: string, onPosted: () => void): Posted {
    const { clock, log } = this.#options
    const onLate = () => this.#connection.drop(`gave no status within ${postMsMax} ms`)
    return new Posted({ path, log, onPosted, timer: clock.timer(postMsMax, onLate) })
  }
}

/** The wait for an event. */
class Next implements ResponseSink {
  readonly isAwaitedAtStop = false
  readonly #sink: NextSink

  constructor(sink: NextSink) {
    this.#sink = sink
  }

  onResponse(response: HttpResponse): void {
    let invocation: Invocation
    try {
      invocation = readInvocation(response)
    } catch (error) {
      if (!(error instanceof RelayError)) throw error
      this.#sink.onFault(error)
      return
    }
    this.#sink.onInvocation(invocation)
  }

  onLost(error: RelayError, wasNext: boolean): void {
    this.#sink.onLost(error, wasNext)
  }
}

/** The wait for the status of a post. */
class Posted implements ResponseSink {
  readonly isAwaitedAtStop = true
  readonly #about: {
    readonly path: string
    readonly log: Logger
    readonly timer: Timer
    readonly onPosted: () => void
  }

  constructor(about: {
    readonly path: string
    readonly log: Logger
    readonly timer: Timer
    readonly onPosted: () => void
  }) {
    this.#about = about
  }

  onResponse({ head: { status }, body }: HttpResponse): void {
    const { path, log, timer, onPosted } = this.#about
    timer.clear()
    if (status !== 202 && status !== 200) {
      const answer = body.toString('utf8', 0, 300)
      log.warn({ path, status, answer }, 'the Runtime API did not take an answer')
    }
    onPosted()
  }

  onLost(error: RelayError): void {
    const { path, log, timer, onPosted } = this.#about
    timer.clear()
    log.warn({ path, error: messageOf(error) }, 'an answer may not have reached the Runtime API')
    onPosted()
  }
}
