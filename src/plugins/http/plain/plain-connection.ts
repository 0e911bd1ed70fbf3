/**
 * One connection whose requests are plain so far: each is read, run and answered here, one after the other. The first request that is
 * anything else hands the connection over to node:http, for good. A connection is the `ClientAnswer` of its own requests.
 */
import type { Socket } from 'node:net'
import { type AnswerHead, headerOf, takesBody } from '../serving/answer-head.js'
import type { ClientAnswer } from '../serving/client-answer.js'
import { clientDrained } from '../serving/client-drained.js'
import { RequestRun } from '../serving/request-run.js'
import type { ConnectionFacts } from './context-encoder.js'
import { beginExchange, type NodeExchange } from './exchange.js'
import { MiddlewareAnswer } from './middleware-answer.js'
import { PlainHead } from './plain-head.js'
import { plainJob, plainTrace, tracedLine } from './plain-job.js'
import type { EndOfLine, PlainChain, PlainParts } from './plain-parts.js'
import { HeadLook, PlainRequest } from './plain-request.js'
import { isPreface, whenOff } from './preface.js'
import { headText, lastChunk, writeAnswer } from './wire-head.js'

/** Parts of connections, and what takes them when they are done. */
export interface ConnectionParts extends PlainParts {
  /** The time, in ticks. */
  readonly tick: () => number
  /** Takes a connection whose next request, which has been put back, is not plain. */
  readonly handOver: (socket: Socket, isHttp2: boolean) => void
  /** Called when the connection has ended, or was handed over. */
  readonly onGone: (connection: PlainConnection) => void
}

// What a client may send ahead while a request of it runs; then it is not read any more.
const aheadBytesMax = 64 * 1024
const crlf = '\r\n'
const noBytes = Buffer.alloc(0)
// One for all: it is read and used within one call.
const head = new PlainHead()
const headLook = new HeadLook(head)

/** Time of what a connection does, in ticks of its owner. */
export type ConnectionPhase = 'new' | 'idle' | 'head' | 'body' | 'running'

/** One connection. */
export class PlainConnection implements ClientAnswer {
  /** Tick of the owner in which the phase began. */
  sinceTick: number
  phase: ConnectionPhase = 'new'
  readonly #socket: Socket
  readonly #facts: ConnectionFacts
  readonly #parts: ConnectionParts
  #pending: Buffer = noBytes
  #run: RequestRun | undefined
  #isReading = false
  #isGone = false
  #isLast = false
  #method = ''
  #isChunked = false
  #hasBody = true
  #promised: number | undefined
  #trailers: AnswerHead['trailers'] = []
  #status = 0
  #sent = 0
  #line: EndOfLine | undefined

  constructor(socket: Socket, facts: ConnectionFacts, parts: ConnectionParts) {
    this.#socket = socket
    this.#facts = facts
    this.#parts = parts
    this.sinceTick = parts.tick()
    socket.on('data', this.#onData)
    socket.on('end', this.#onLeft)
    socket.on('close', this.#onLeft)
    socket.on('error', this.#onLeft)
  }

  /** Ends the connection: at once when it is idle, else with the answer that is due. */
  stop(): void {
    if (this.phase !== 'running') this.destroy()
  }

  /** Answers a client that was too slow, and ends the connection. */
  refuseSlow(): void {
    this.#socket.write('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n')
    this.#finish()
  }

  /** Ends the connection now. */
  destroy(): void {
    this.#socket.destroy()
    this.#onLeft()
  }

  hint(given: AnswerHead): void {
    if (!this.#isGone) this.#socket.write(`${headText(given)}${crlf}`, 'latin1')
  }

  whole(given: AnswerHead, body: Uint8Array): void {
    if (this.#isGone) return
    const hasBody = takesBody(this.#method, given)
    if (hasBody && given.trailers.length > 0) {
      this.begin(given)
      if (body.length > 0) void this.write(body)
      this.end(noBytes)
      return
    }
    let text = headText(given)
    if (hasBody) text += `Content-Length: ${body.length}${crlf}`
    else if (this.#method === 'HEAD' && given.length !== undefined)
      text += `Content-Length: ${given.length}${crlf}`
    writeAnswer(this.#socket, this.#closed(text, given), hasBody ? body : noBytes)
    const isRefused = given.status >= 500 && headerOf(given, 'no-workers') !== undefined
    this.#ended(given.status, hasBody ? body.length : 0, isRefused)
  }

  begin(given: AnswerHead): void {
    if (this.#isGone) return
    this.#hasBody = takesBody(this.#method, given)
    this.#trailers = this.#hasBody ? given.trailers : []
    this.#promised = this.#hasBody && this.#trailers.length === 0 ? given.length : undefined
    this.#isChunked = this.#hasBody && this.#promised === undefined
    this.#status = given.status
    this.#sent = 0
    let text = headText(given)
    if (this.#trailers.length > 0)
      text += `Trailer: ${this.#trailers.map(([name]) => name).join(', ')}${crlf}`
    if (this.#isChunked) text += `Transfer-Encoding: chunked${crlf}`
    else if (given.length !== undefined && (this.#hasBody || this.#method === 'HEAD'))
      text += `Content-Length: ${given.length}${crlf}`
    this.#socket.write(this.#closed(text, given), 'latin1')
  }

  write(body: Uint8Array): Promise<void> | undefined {
    if (this.#isGone) throw new Error('the client has left')
    if (!this.#hasBody) return undefined
    const given = this.#counted(body)
    if (given.length === 0) return undefined
    this.#sent += given.length
    this.#socket.cork()
    if (this.#isChunked) this.#socket.write(`${given.length.toString(16)}${crlf}`, 'latin1')
    let isFree = this.#socket.write(given)
    if (this.#isChunked) isFree = this.#socket.write(crlf)
    this.#socket.uncork()
    return isFree ? undefined : clientDrained(this.#socket)
  }

  end(body: Uint8Array): void {
    if (this.#isGone) return
    void this.write(body)
    if (this.#promised !== undefined && this.#promised > 0) {
      // Fewer bytes than promised: the client must not take them for the whole.
      this.cut()
      return
    }
    if (this.#isChunked) this.#socket.write(lastChunk(this.#trailers), 'latin1')
    this.#ended(this.#status, this.#sent, false)
  }

  cut(): void {
    this.destroy()
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk])
    if (this.phase === 'running') {
      if (this.#pending.length > aheadBytesMax) this.#socket.pause()
      return
    }
    this.#next()
  }

  /** The client has closed its side, which is how one that leaves looks; or the connection is over. */
  readonly #onLeft = (): void => {
    if (this.#isGone) return
    this.#isGone = true
    this.#detach()
    this.#socket.on('error', ignored)
    this.#run?.leave()
    this.#line?.(499, undefined, false)
    this.#socket.destroy()
    this.#parts.onGone(this)
  }

  /** Begins the next request; answers may come before `begin` returns, so that this is a loop and not a recursion. */
  #next(): void {
    if (this.#isReading) return
    this.#isReading = true
    while (this.phase !== 'running' && !this.#isGone && this.#pending.length > 0) if (!this.#readOne()) break
    this.#isReading = false
  }

  /** Begins one request; false when there is none. */
  #readOne(): boolean {
    const { isRaw, isOff } = this.#parts
    const bytes = this.#pending
    const verdict = isOff ? whenOff(bytes) : head.read(bytes, 0, bytes.length, isRaw)
    if (verdict === 'other' || (verdict === 'plain' && head.end > this.#parts.headBytesMax)) {
      this.#handOver()
      return false
    }
    if (verdict === 'more') {
      this.#enter('head')
      return false
    }
    const end = head.end + head.bodyBytes
    if (end > bytes.length) {
      this.#enter('body')
      return false
    }
    const { chain } = this.#parts
    if (chain?.told.names.some((name) => head.find(bytes, name) >= 0) === true) {
      this.#handOver()
      return false
    }
    this.#method = head.isGet ? 'GET' : bytes.toString('latin1', head.methodStart, head.methodEnd)
    this.#isLast = head.isLast
    this.#enter('running')
    this.#pending = end === bytes.length ? noBytes : bytes.subarray(end)
    const target = bytes.toString('latin1', head.targetStart, head.targetEnd)
    if (chain === undefined) this.#begin(bytes, target, this, this.#facts.remoteAddr)
    else this.#beginBehind(chain, bytes, target)
    return true
  }

  /** Begins a request behind middleware. */
  #beginBehind(chain: PlainChain, bytes: Buffer, target: string): void {
    const { middleware } = chain
    const look = headLook.of(bytes, this.#method, target)
    if (head.bodyBytes === 0 && middleware.answers(look)) {
      const { request, response } = this.#exchange(new PlainRequest(bytes, this.#method, target))
      chain.handle(request, response)
      return
    }
    const request = middleware.isTaker ? new PlainRequest(bytes, this.#method, target) : undefined
    const answer = new MiddlewareAnswer({
      middleware,
      dressing: middleware.dressingOf(look),
      request,
      plain: this,
      take: () => this.#take(chain, request),
    })
    this.#begin(bytes, target, answer, middleware.addressOf(look, this.#facts.remoteAddr))
  }

  /** Begins the job of the head that was read last. */
  #begin(bytes: Buffer, target: string, answer: ClientAnswer, remoteAddr: string): void {
    const { runFor, tracing, isFollowed, follow } = this.#parts
    const { isSecure } = this.#facts
    const work = { bytes, head, method: this.#method, facts: { remoteAddr, isSecure } }
    const look = tracing === undefined ? undefined : headLook.of(bytes, this.#method, target)
    const trace = look === undefined || tracing === undefined ? undefined : plainTrace(work, look, tracing)
    const job = plainJob(work, this.#parts, trace)
    trace?.runs(job)
    if (isFollowed()) this.#line = follow(new PlainRequest(bytes, this.#method, target), remoteAddr)
    this.#line = tracedLine(trace, this.#line)
    this.#run = new RequestRun(runFor(target), job, answer)
    this.#run.begin()
  }

  /** Lets middleware have the answer of the request that has run. */
  #take(chain: PlainChain, given: PlainRequest | undefined): ClientAnswer | undefined {
    if (this.#isGone || given === undefined) return this
    const { request, response } = this.#exchange(given)
    return chain.take(request, response)
  }

  #exchange(request: PlainRequest): NodeExchange {
    return beginExchange({
      ...{ socket: this.#socket, request, isLast: this.#isLast || this.#parts.isStopping() },
      onEnd: (end) => {
        this.#isLast ||= end.isLast
        if (!this.#isGone) this.#ended(end.status, undefined, end.isRefused)
      },
    })
  }

  #enter(phase: ConnectionPhase): void {
    if (this.phase === phase) return
    // A request's time runs from its first byte, not from its body's.
    if (phase !== 'body' || this.phase !== 'head') this.sinceTick = this.#parts.tick()
    this.phase = phase
  }

  /** The text of a head with its end. */
  #closed(text: string, given: AnswerHead): string {
    if (given.isLast || this.#parts.isStopping()) this.#isLast = true
    const date = headerOf(given, 'date') === undefined ? this.#parts.date.text : ''
    return this.#isLast ? `${text}${date}Connection: close${crlf}${crlf}` : `${text}${date}${crlf}`
  }

  #counted(body: Uint8Array): Uint8Array {
    if (this.#promised === undefined) return body
    const given = body.length > this.#promised ? body.subarray(0, this.#promised) : body
    this.#promised -= given.length
    return given
  }

  /** The answer has been written: the next request may begin when the client has taken it. */
  #ended(status: number, bytes: number | undefined, isRefused: boolean): void {
    this.#line?.(status, bytes, isRefused)
    this.#line = undefined
    this.#run = undefined
    this.#promised = undefined
    this.#enter('idle')
    if (this.#isLast) {
      this.#finish()
      return
    }
    if (this.#socket.writableNeedDrain) this.#socket.once('drain', () => this.#goOn())
    else if (this.#pending.length > 0) this.#goOn()
  }

  /** Ends the connection when all has been written. */
  #finish(): void {
    const socket = this.#socket
    this.#isGone = true
    this.#detach()
    socket.on('error', ignored)
    socket.end(() => socket.destroy())
    this.#parts.onGone(this)
  }

  #goOn(): void {
    if (this.#isGone || this.phase === 'running') return
    if (this.#socket.isPaused()) this.#socket.resume()
    this.#next()
  }

  #handOver(): void {
    this.#isGone = true
    this.#detach()
    const rest = this.#pending
    this.#pending = noBytes
    this.#parts.onGone(this)
    this.#socket.unshift(rest)
    this.#parts.handOver(this.#socket, isPreface(rest))
  }

  #detach(): void {
    const socket = this.#socket
    socket.off('data', this.#onData).off('end', this.#onLeft).off('close', this.#onLeft)
    socket.off('error', this.#onLeft)
  }
}

/** An error after the end of a connection changes nothing. */
function ignored(): void {}
