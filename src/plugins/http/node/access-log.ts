/** One line of the log for each request, when it has ended. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock, Logger, Timer } from '../../../index.js'
import type { RequestLook } from '../serving/request-look.js'
import { remoteAddress } from './request.js'

/** Contents of a line, whichever reader read the request. */
export interface RequestLine {
  readonly status: number
  readonly method: string
  readonly uri: string
  readonly protocol: string
  readonly host: string
  readonly remote: string
  readonly userAgent: string
  readonly referer: string
  /** Bytes of the answer's body, as far as they are known. */
  readonly bytes: number | undefined
  readonly tookMs: number
}

// Nobody reads faster than this, and a crash loses no more lines.
const heldMs = 10
const heldMax = 1000

/** The log of requests: at `info` where the file asks for it, else at `debug`, in the words that Laravel Octane reads there. */
export class AccessLog {
  readonly #log: Logger
  readonly #isAsked: boolean
  readonly #clock: Clock
  #lines: RequestLine[] = []
  #timer: Timer | undefined

  constructor(options: { readonly log: Logger; readonly clock: Clock; readonly isAsked: boolean }) {
    this.#log = options.log
    this.#clock = options.clock
    this.#isAsked = options.isAsked
  }

  /** True when lines are written: ask before a request's facts are put together. */
  get isOn(): boolean {
    return this.#isAsked || this.#log.isEnabled('debug')
  }

  /** Monotonic ms, for `tookMs`. */
  nowMs(): number {
    return this.#clock.monotonicMs()
  }

  /** Takes the line of one request. Lines are written some at a time: a system call costs more than all else about a line. */
  add(line: RequestLine): void {
    this.#lines.push(line)
    if (this.#lines.length === 1) this.#timer = this.#clock.timer(heldMs, () => this.flush())
    else if (this.#lines.length >= heldMax) this.flush()
  }

  /** Writes all lines that are held. */
  flush(): void {
    this.#timer?.clear()
    const lines = this.#lines
    this.#lines = []
    for (const one of lines) this.#write(one)
  }

  #write(line: RequestLine): void {
    const { status, method, uri, remote, tookMs, bytes, userAgent, referer, protocol, host } = line
    const elapsedMs = Math.round(tookMs * 1000) / 1000
    const elapsed = `${elapsedMs}ms`
    if (this.#isAsked)
      this.#log.info(
        { status, method, uri, protocol, host, remote, elapsed, elapsedMs, bytes, userAgent, referer },
        'request',
      )
    else this.#log.debug({ status, method, uri, remote, elapsed }, `${status} ${method} http://${host}${uri}`)
  }

  /** Begins the line of a request that our own reader read; the returned function ends it. */
  followPlain(request: RequestLook, remote: string): (status: number, bytes: number | undefined) => void {
    const startedAt = this.nowMs()
    return (status, bytes) =>
      this.add({
        status,
        method: request.method,
        uri: request.target,
        protocol: 'HTTP/1.1',
        host: request.header('host') ?? '',
        remote,
        userAgent: request.header('user-agent') ?? '',
        referer: request.header('referer') ?? '',
        bytes,
        tookMs: this.nowMs() - startedAt,
      })
  }

  /** Follows a request of node:http to its end. */
  follow(request: IncomingMessage, response: ServerResponse): void {
    const startedAt = this.nowMs()
    response.on('close', () => {
      const { method = 'GET', url = '/', headers, httpVersion } = request
      const length = response.getHeader('content-length')
      this.add({
        // A client that left before its answer: nginx's number for it.
        status: response.headersSent ? response.statusCode : 499,
        method,
        uri: url,
        protocol: `HTTP/${httpVersion}`,
        host: String(headers[':authority'] ?? headers.host ?? ''),
        remote: remoteAddress(request),
        userAgent: headers['user-agent'] ?? '',
        referer: headers.referer ?? '',
        bytes: length === undefined ? undefined : Number(length),
        tookMs: this.nowMs() - startedAt,
      })
    })
  }
}
