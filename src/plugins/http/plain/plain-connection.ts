/**
 * One connection whose requests are plain so far: each is read, run and answered here, one after the other. The first request that is
 * anything else hands the connection over to node:http, for good. A connection is the `ClientAnswer` of its own requests.
 */
import type { Socket } from 'node:net'
import { Codec, type Job } from '../../../index.js'
import type { HttpCodec } from '../../../work/http/index.js'
import { type AnswerHead, headerOf, takesBody } from '../serving/answer-head.js'
import type { ClientAnswer } from '../serving/client-answer.js'
import { RequestRun, type RunParts } from '../serving/request-run.js'
import { type ConnectionFacts, encodePlain } from './context-encoder.js'
import { PlainHead } from './plain-head.js'
import { type PlainRequest, plainRequest } from './plain-request.js'
import { isPreface, whenOff } from './preface.js'
import { type DateLine, headText } from './wire-head.js'

/** Told the end of a request: its status, and the bytes of its answer's body. */
export type EndOfLine = (status: number, bytes: number | undefined) => void

/** Parts that all connections share. */
export interface PlainParts {
  /** Chooses the pool of a request by its target. */
  readonly runFor: (target: string) => RunParts
  /** True when all requests are left to node:http, which has middleware in front of it. */
  readonly isOff: boolean
  readonly codec: HttpCodec
  readonly isRaw: boolean
  /** The longest head; node:http refuses longer ones. */
  readonly headBytesMax: number
  readonly date: DateLine
  readonly newId: () => string
  readonly isStopping: () => boolean
  /** Takes a connection whose next request, which has been put back, is not plain. */
  readonly handOver: (socket: Socket, isHttp2: boolean) => void
  /** Called when the connection has ended, or was handed over. */
  readonly onGone: (connection: PlainConnection) => void
  /** True when requests are followed. */
  readonly isFollowed: () => boolean
  /** Begins a line of the log; what it returns ends it. */
  readonly follow: (request: PlainRequest, facts: ConnectionFacts) => EndOfLine
}

// Above, head and body go out as two pieces of one write.
const copyBytesMax = 16 * 1024
// What a client may send ahead while a request of it runs; then it is not read any more.
const aheadBytesMax = 64 * 1024
const crlf = '\r\n'
const noBytes = Buffer.alloc(0)
// One for all: it is read and used within one call.
const head = new PlainHead()

/** Time of what a connection does, in ticks of its owner. */
export type ConnectionPhase = 'new' | 'idle' | 'head' | 'body' | 'running'

/** One connection. */
export class PlainConnection implements ClientAnswer {
  /** Tick of the owner in which the phase began. */
  sinceTick: number
  phase: ConnectionPhase = 'new'
  readonly #socket: Socket
  readonly #facts: ConnectionFacts
  readonly #parts: PlainParts
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
  readonly #tick: () => number

  constructor(socket: Socket, facts: ConnectionFacts, parts: PlainParts & { readonly tick: () => number }) {
    this.#socket = socket
    this.#facts = facts
    this.#parts = parts
    this.#tick = parts.tick
    this.sinceTick = parts.tick()
    socket.on('data', this.#onData)
    socket.on('end', this.#onLeft)
    socket.on('close', this.#onLeft)
    socket.on('error', this.#onLeft)
  }

  /** Ends the connection: at once when it is idle, else with the answer that is due. */
  stop(): void {
    if (this.#run === undefined) this.destroy()
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
    this.#writeWith(this.#closed(text, given), hasBody ? body : noBytes)
    this.#ended(given.status, hasBody ? body.length : 0)
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
    return isFree ? undefined : this.#drained()
  }

  end(body: Uint8Array): void {
    if (this.#isGone) return
    void this.write(body)
    if (this.#promised !== undefined && this.#promised > 0) {
      // Fewer bytes than promised: the client must not take them for the whole.
      this.cut()
      return
    }
    if (this.#isChunked) {
      const lines = this.#trailers.flatMap(([name, values]) =>
        values.map((value) => `${name}: ${value}${crlf}`),
      )
      this.#socket.write(`0${crlf}${lines.join('')}${crlf}`, 'latin1')
    }
    this.#ended(this.#status, this.#sent)
  }

  cut(): void {
    this.destroy()
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk])
    if (this.#run !== undefined) {
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
    this.#line?.(499, undefined)
    this.#socket.destroy()
    this.#parts.onGone(this)
  }

  /** Begins the next request; answers may come before `begin` returns, so that this is a loop and not a recursion. */
  #next(): void {
    if (this.#isReading) return
    this.#isReading = true
    while (this.#run === undefined && !this.#isGone && this.#pending.length > 0) if (!this.#readOne()) break
    this.#isReading = false
  }

  /** Begins one request; false when there is none. */
  #readOne(): boolean {
    const { codec, isRaw, newId, runFor, isOff } = this.#parts
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
    this.#method = bytes.toString('latin1', head.methodStart, head.methodEnd)
    this.#isLast = head.isLast
    this.#enter('running')
    const job: Job = {
      context: encodePlain(bytes, head, { codec, facts: this.#facts }),
      // RoadRunner reads no body of HEAD and OPTIONS.
      body: head.bodyBytes === 0 || isBodiless(this.#method) ? '' : bytes.subarray(head.end, end),
      codec: codec === 'json' ? Codec.json : Codec.proto,
      id: newId(),
    }
    if (this.#parts.isFollowed()) this.#line = this.#parts.follow(plainRequest(bytes, head), this.#facts)
    this.#pending = end === bytes.length ? noBytes : bytes.subarray(end)
    this.#run = new RequestRun(runFor(bytes.toString('latin1', head.targetStart, head.targetEnd)), job, this)
    this.#run.begin()
    return true
  }

  #enter(phase: ConnectionPhase): void {
    if (this.phase === phase) return
    // A request's time runs from its first byte, not from its body's.
    if (phase !== 'body' || this.phase !== 'head') this.sinceTick = this.#tick()
    this.phase = phase
  }

  /** The text of a head with its end. */
  #closed(text: string, given: AnswerHead): string {
    if (given.isLast || this.#parts.isStopping()) this.#isLast = true
    const date = headerOf(given, 'date') === undefined ? this.#parts.date.text : ''
    return this.#isLast ? `${text}${date}Connection: close${crlf}${crlf}` : `${text}${date}${crlf}`
  }

  #writeWith(text: string, body: Uint8Array): void {
    if (body.length > copyBytesMax) {
      this.#socket.cork()
      this.#socket.write(text, 'latin1')
      this.#socket.write(body)
      this.#socket.uncork()
      return
    }
    const bytes = Buffer.allocUnsafe(text.length + body.length)
    bytes.write(text, 0, 'latin1')
    bytes.set(body, text.length)
    this.#socket.write(bytes)
  }

  #counted(body: Uint8Array): Uint8Array {
    if (this.#promised === undefined) return body
    const given = body.length > this.#promised ? body.subarray(0, this.#promised) : body
    this.#promised -= given.length
    return given
  }

  /** The answer has been written: the next request may begin when the client has taken it. */
  #ended(status: number, bytes: number): void {
    this.#line?.(status, bytes)
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
    if (this.#isGone || this.#run !== undefined) return
    if (this.#socket.isPaused()) this.#socket.resume()
    this.#next()
  }

  #drained(): Promise<void> {
    const socket = this.#socket
    return new Promise((resolve, reject) => {
      const end = (act: () => void) => {
        socket.off('drain', onDrain).off('close', onClose)
        act()
      }
      const onDrain = () => end(resolve)
      const onClose = () => end(() => reject(new Error('the client has left')))
      socket.on('drain', onDrain).on('close', onClose)
    })
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

function isBodiless(method: string): boolean {
  return method === 'HEAD' || method === 'OPTIONS'
}
