/**
 * The Lambda Runtime API (2018-06-01) over one keep-alive connection, written by hand: it costs a third of the next best
 * client per invocation, and nothing to load. One request at a time; `/next` waits without a limit; nothing is sent twice.
 */
import { connect, type Socket } from 'node:net'
import { type Clock, ErrorCode, type Logger, messageOf, RelayError } from '../../../index.js'
import { HttpReader, type HttpResponse } from './http-reader.js'

/** One event as it was handed out. Absent and empty headers are both `undefined`. */
export interface Invocation {
  readonly requestId: string
  /** Milliseconds since the epoch. */
  readonly deadlineMs: number | undefined
  readonly functionArn: string | undefined
  readonly traceId: string | undefined
  readonly clientContext: string | undefined
  readonly cognitoIdentity: string | undefined
  readonly tenantId: string | undefined
  readonly body: Buffer
}

/** Options of a client. */
export interface RuntimeClientOptions {
  /** `host:port`, as AWS_LAMBDA_RUNTIME_API says it. */
  readonly address: string
  readonly userAgent: string
  readonly clock: Clock
  readonly log: Logger
}

const base = '/2018-06-01/runtime'
const readBytes = 64 * 1024
// Lambda's events end at 6 MB; a request for more is not from Lambda.
const limits = { headBytesMax: 1024 * 1024, bodyBytesMax: 64 * 1024 * 1024 }
const postMsMax = 10_000
// Up to here a copy is cheaper than a second chunk in the same system call.
const copyBytesMax = 16 * 1024

function joined(head: string, body: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(head.length + body.length)
  bytes.write(head, 0, 'latin1')
  bytes.set(body, head.length)
  return bytes
}

interface Waiter {
  readonly resolve: (response: HttpResponse) => void
  readonly reject: (error: RelayError) => void
}

/** Header bytes were read one character each. */
function utf8(header: string | undefined): string | undefined {
  return header === undefined ? undefined : Buffer.from(header, 'latin1').toString('utf8')
}

/** Makes the callback of a write, which is also called with the error of a lost connection. */
function withoutError(onSent: (() => void) | undefined): ((error?: Error | null) => void) | undefined {
  return onSent && ((error) => (error ? undefined : onSent()))
}

/** A connection that was lost: before the answer, or refused. */
function lost(address: string, why: string): RelayError {
  return new RelayError(ErrorCode.RuntimeApi, `the Runtime API at ${address} ${why}`, {
    details: { isLost: true },
  })
}

/** One poller's client. */
export class RuntimeClient {
  readonly #options: RuntimeClientOptions
  readonly #host: string
  readonly #port: number
  readonly #getNext: string
  readonly #tail: string
  readonly #buffer = Buffer.allocUnsafeSlow(readBytes)
  #socket: Socket | undefined
  #reader = new HttpReader(limits)
  #waiter: Waiter | undefined

  constructor(options: RuntimeClientOptions) {
    this.#options = options
    const colon = options.address.lastIndexOf(':')
    this.#host = options.address.slice(0, colon).replace(/^\[|\]$/g, '')
    this.#port = Number(options.address.slice(colon + 1))
    this.#tail = `Host: ${options.address}\r\nUser-Agent: ${options.userAgent}\r\n`
    this.#getNext = `GET ${base}/invocation/next HTTP/1.1\r\n${this.#tail}\r\n`
  }

  /**
   * Waits for the next event, as long as it takes. Rejects with RR_RUNTIME_API; `details.isLost` says that asking again may
   * help, else `details.status` is what was answered. `onSent` is called once the request is out.
   */
  async next(onSent?: () => void): Promise<Invocation> {
    const response = await this.#send(this.#getNext, undefined, onSent)
    const { status, headers, body } = response
    if (status !== 200) {
      const text = `the Runtime API answered /next with ${status}: ${body.toString('utf8', 0, 300)}`
      throw new RelayError(ErrorCode.RuntimeApi, text, { details: { status } })
    }
    const header = (name: string) => headers.get(name) || undefined
    const requestId = header('lambda-runtime-aws-request-id')
    if (requestId === undefined) {
      throw new RelayError(ErrorCode.RuntimeApi, 'the Runtime API handed out an event without a request id', {
        details: { status },
      })
    }
    const deadlineMs = Number(header('lambda-runtime-deadline-ms'))
    return {
      requestId,
      deadlineMs: Number.isFinite(deadlineMs) && deadlineMs > 0 ? deadlineMs : undefined,
      functionArn: header('lambda-runtime-invoked-function-arn'),
      traceId: header('lambda-runtime-trace-id'),
      clientContext: utf8(header('lambda-runtime-client-context')),
      cognitoIdentity: utf8(header('lambda-runtime-cognito-identity')),
      tenantId: header('lambda-runtime-aws-tenant-id'),
      body,
    }
  }

  /** Posts a result. */
  respond(requestId: string, body: Uint8Array | string): Promise<void> {
    return this.#post(`/invocation/${requestId}/response`, body, '')
  }

  /** Posts an error; `type` goes into the header that AWS counts by. */
  fail(requestId: string, body: string, type: string): Promise<void> {
    return this.#post(
      `/invocation/${requestId}/error`,
      body,
      `Lambda-Runtime-Function-Error-Type: ${type}\r\n`,
    )
  }

  /** Says that initialisation failed. */
  failInit(body: string, type: string): Promise<void> {
    return this.#post('/init/error', body, `Lambda-Runtime-Function-Error-Type: ${type}\r\n`)
  }

  /** Says that a hook failed after the restore. */
  failRestore(body: string, type: string): Promise<void> {
    return this.#post('/restore/error', body, `Lambda-Runtime-Function-Error-Type: ${type}\r\n`)
  }

  /** Waits through the snapshot, maybe for days. Rejects with RR_RUNTIME_API. */
  async restoreNext(): Promise<void> {
    const { status, body } = await this.#send(`GET ${base}/restore/next HTTP/1.1\r\n${this.#tail}\r\n`)
    if (status === 200) return
    const text = `the Runtime API answered /restore/next with ${status}: ${body.toString('utf8', 0, 300)}`
    throw new RelayError(ErrorCode.RuntimeApi, text, { details: { status } })
  }

  /** Drops the connection: a pending `next` rejects. */
  close(): void {
    this.#drop(lost(this.#options.address, 'was let go'))
  }

  /** Once and never again: whatever becomes of it, it resolves. What was refused is logged. */
  async #post(path: string, body: Uint8Array | string, header: string): Promise<void> {
    const { clock, log, address } = this.#options
    const timer = clock.timer(postMsMax, () =>
      this.#drop(lost(address, `gave no status within ${postMsMax} ms`)),
    )
    try {
      const length = typeof body === 'string' ? Buffer.byteLength(body) : body.length
      const head = `POST ${base}${path} HTTP/1.1\r\n${this.#tail}Content-Type: application/json\r\n${header}Content-Length: ${length}\r\n\r\n`
      const { status, body: answer } = await this.#send(head, body)
      if (status === 202 || status === 200) return
      log.warn(
        { path, status, answer: answer.toString('utf8', 0, 300) },
        'the Runtime API did not take an answer',
      )
    } catch (error) {
      log.warn({ path, error: messageOf(error) }, 'an answer may not have reached the Runtime API')
    } finally {
      timer.clear()
    }
  }

  #send(head: string, body?: Uint8Array | string, onSent?: () => void): Promise<HttpResponse> {
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject }
      const socket = this.#socket ?? this.#connect()
      if (body === undefined || body.length === 0) socket.write(head, 'latin1', withoutError(onSent))
      else if (typeof body === 'string') socket.write(head + body)
      else if (body.length <= copyBytesMax) socket.write(joined(head, body))
      else {
        socket.cork()
        socket.write(head, 'latin1')
        socket.write(body)
        socket.uncork()
      }
    })
  }

  #connect(): Socket {
    this.#reader = new HttpReader(limits)
    const socket: Socket = connect({
      host: this.#host,
      port: this.#port,
      noDelay: true,
      keepAlive: true,
      onread: {
        buffer: this.#buffer,
        callback: (length) => {
          if (this.#socket === socket) this.#onBytes(this.#buffer.subarray(0, length))
          return true
        },
      },
    })
    socket.on('error', (error) => this.#onEnd(socket, `cannot be reached: ${messageOf(error)}`))
    socket.on('end', () => this.#onEnd(socket, 'closed the connection'))
    socket.on('close', () => this.#onEnd(socket, 'closed the connection'))
    this.#socket = socket
    return socket
  }

  #onBytes(bytes: Buffer): void {
    let response: HttpResponse | undefined
    try {
      response = this.#reader.push(bytes)
    } catch (error) {
      this.#drop(lost(this.#options.address, `does not answer in HTTP: ${messageOf(error)}`))
      return
    }
    if (response !== undefined) this.#answer(response)
  }

  #answer(response: HttpResponse): void {
    if (!response.isKeptAlive) this.#forgetSocket()
    const waiter = this.#waiter
    this.#waiter = undefined
    waiter?.resolve(response)
  }

  #onEnd(socket: Socket, why: string): void {
    if (this.#socket !== socket) return
    const response = this.#reader.end()
    if (response !== undefined) this.#answer(response)
    this.#drop(lost(this.#options.address, why))
  }

  #drop(error: RelayError): void {
    this.#forgetSocket()
    const waiter = this.#waiter
    this.#waiter = undefined
    waiter?.reject(error)
  }

  #forgetSocket(): void {
    const socket = this.#socket
    this.#socket = undefined
    socket?.destroy()
  }
}
