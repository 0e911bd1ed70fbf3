/**
 * One unary call: its message is read, runs as one job of the pool, and the reply becomes the answer. A slow client costs no worker. A call
 * whose client left, or whose deadline has passed, gives up its place in the line; a running one is ended as the section says.
 */
import type { ServerHttp2Stream } from 'node:http2'
import {
  Codec,
  ErrorCode,
  hasCode,
  type Job,
  messageOf,
  RelayError,
  type Reply,
  type RunOptions,
  type Timer,
} from '../../../index.js'
import { tooLarge, wireBytes } from '../wire/message.js'
import { headerBytes } from '../wire/metadata.js'
import { GrpcCode, type GrpcStatus, StatusError } from '../wire/status.js'
import type { CallAnswer } from './answer.js'
import type { CallHead, CallParts } from './call-parts.js'
import { faultStatus } from './faults.js'
import { readMessage } from './read-message.js'
import { type CallReply, readCallReply } from './reply.js'

/** Parts of one call. */
export interface UnaryCallOptions {
  readonly stream: ServerHttp2Stream
  readonly answer: CallAnswer
  readonly head: CallHead
  /** True when the client reads messages in gzip, and sent its own so. */
  readonly isPacked: boolean
  /** Called once, when the client has its status or has left. */
  readonly onEnd: (code: number) => void
}

/** A call under way. */
export class UnaryCall {
  readonly #parts: CallParts
  readonly #call: UnaryCallOptions
  readonly #givenUp = new AbortController()
  readonly #deadlineMs: number | undefined
  readonly #id: string
  #timer: Timer | undefined
  #isOver = false

  constructor(call: UnaryCallOptions, parts: CallParts) {
    this.#call = call
    this.#parts = parts
    this.#id = parts.newId()
    const { timeoutMs } = call.head
    this.#deadlineMs = timeoutMs === undefined ? undefined : parts.clock.nowMs() + timeoutMs
  }

  /** Runs the call to its end. Never rejects. */
  async run(): Promise<void> {
    const { stream, head } = this.#call
    stream.once('close', () => this.#giveUp(new StatusError(GrpcCode.cancelled, 'the client left')))
    if (head.timeoutMs !== undefined)
      this.#timer = this.#parts.clock.timer(head.timeoutMs, () => this.#giveUp(late()), { isWall: true })
    try {
      const { signal } = this.#givenUp
      const message = await readMessage(stream, { encoding: head.encoding, signal }, this.#parts)
      const reply = await this.#work(message.bytes).finally(message.free)
      await this.#answerWith(this.#read(reply))
    } catch (error) {
      this.#fail(error)
    }
  }

  async #work(body: Buffer): Promise<Reply> {
    const { pool, isKilled } = this.#parts
    const { signal } = this.#givenUp
    const lease = pool.tryAcquire() ?? (await pool.acquire({ signal }))
    try {
      signal.throwIfAborted()
      return await lease.run(this.#job(body), isKilled ? this.#limits() : {})
    } finally {
      lease.release()
    }
  }

  #limits(): RunOptions {
    const { signal } = this.#givenUp
    return { signal, ...(this.#deadlineMs === undefined ? {} : { deadlineMs: this.#deadlineMs }) }
  }

  #job(body: Buffer): Job {
    const { service, method, metadata } = this.#call.head
    const headers = Object.fromEntries(metadata)
    return {
      context: JSON.stringify({ service, method, context: headers }),
      body,
      codec: Codec.json,
      id: this.#id,
      name: `/${service}/${method}`,
      headers,
    }
  }

  #read(reply: Reply): CallReply {
    const { log, headBytesMax } = this.#parts
    const skipped = (name: string) =>
      log.warn({ job: this.#id, name: name.slice(0, 100) }, 'metadata of an answer cannot be sent')
    try {
      const read = readCallReply(reply, skipped)
      const bytes =
        headerBytes(read.headers) + headerBytes(read.trailers) + (read.status.details?.length ?? 0)
      if (bytes <= headBytesMax) return read
      throw new Error(`its metadata has ${bytes} bytes; limits.head_size is ${headBytesMax}`)
    } catch (cause) {
      throw new RelayError(
        ErrorCode.BadFrame,
        `the worker's answer is not one of gRPC: ${messageOf(cause)}`,
        {
          hint: 'Is the worker one that serves gRPC? Its context is empty or JSON with metadata.',
          cause,
        },
      )
    }
  }

  async #answerWith({ headers, trailers, status, body }: CallReply): Promise<void> {
    const { answer, isPacked } = this.#call
    const { sentBytesMax } = this.#parts
    if (status.code === GrpcCode.ok) {
      if (body.length > sentBytesMax) throw tooLarge('trying to send', body.length, sentBytesMax)
      const bytes = await wireBytes(body, isPacked)
      answer.begin(headers)
      answer.message(bytes)
    } else if (Object.keys(headers).length > 0) answer.begin(headers)
    answer.end(status, trailers)
    this.#end(status.code)
  }

  #giveUp(why: StatusError): void {
    if (this.#isOver) return
    this.#call.answer.end(why.status)
    this.#end(why.status.code)
    this.#givenUp.abort(why)
  }

  #fail(error: unknown): void {
    if (this.#isOver) return
    const status = faultStatus(error)
    this.#report(error, status)
    this.#call.answer.end(status)
    this.#end(status.code)
  }

  #report(error: unknown, { code }: GrpcStatus): void {
    const { log, pool } = this.#parts
    const { service, method } = this.#call.head
    const fields = { pool: pool.name, job: this.#id, method: `/${service}/${method}`, error }
    // Faults of clients, statuses that workers chose, and a full line, which is the pool's state: a line a call would flood the log.
    const isUsual = error instanceof StatusError || code === GrpcCode.unavailable
    if (isUsual || (hasCode(error, ErrorCode.JobFailed) && code !== GrpcCode.internal))
      log.debug(fields, 'a call was refused')
    else log.error(fields, 'a call failed')
  }

  #end(code: number): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#timer?.clear()
    this.#call.onEnd(code)
  }
}

function late(): StatusError {
  return new StatusError(GrpcCode.deadlineExceeded, 'the deadline has passed')
}
