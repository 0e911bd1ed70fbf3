/**
 * Connection to one client of an RPC server. It runs one request at a time, in the order of arrival, and reads on only after the
 * answer was taken. A client makes the server hold at most one frame, the rest of one chunk and one answer; a client that is slow
 * to send or read them is disconnected.
 */
import type { Socket } from 'node:net'
import type { Clock, Timer } from '../../core/clock.js'
import { FrameDecoder, type RefusedFrame, refusedFrameOf } from '../decoder.js'
import { encodeFrame, type Frame } from '../frame.js'
import { codecOf, errorText, type RpcMessage, readRpc, rpcBytesMax, rpcParts } from './codec.js'

/** Identity that a client claims; it is not verified. */
export interface ClaimedIdentity {
  readonly pid: number | undefined
  readonly user: string | undefined
}

/** Caller of a method. */
export interface RpcCaller {
  /** The socket that the request came through, as the log names it. */
  readonly socket: string
  /** Set by the client's own greeting. */
  claimed: ClaimedIdentity | undefined
}

/** One running request, as its method sees it. */
export interface RpcCall {
  readonly caller: RpcCaller
  /**
   * Aborted when the client has closed its connection or its sending side; the owner of the method may abort it, too.
   */
  readonly abort: AbortController
}

/** Runs a request and returns the answer in the codec of the request; rejects with the text that the client is answered. */
export type Dispatch = (request: RpcMessage, call: RpcCall) => Promise<Uint8Array | string>

/** Server side that a connection needs. */
export interface ConnectionHost {
  readonly caller: RpcCaller
  readonly dispatch: Dispatch
  readonly clock: Clock
  /** Counts a change of the bytes that this connection holds; false when all connections together hold too many. */
  hold(changeBytes: number): boolean
  closed(connection: RpcConnection, why: string | undefined): void
}

// A client of this machine sends a frame within milliseconds.
const frameMsMax = 30_000
// A client connects in order to send a request.
const firstRequestMsMax = 30_000
const answerMsMax = 30_000
// Every client may hold this much, regardless of the others.
const fairBytes = 64 * 1024
const limits = { payloadBytesMax: rpcBytesMax, junkBytesMax: 0 }

/** Connected client. */
export class RpcConnection {
  readonly #socket: Socket
  readonly #host: ConnectionHost
  #decoder: FrameDecoder
  /** Bytes of a request that was refused as too large, which are still to come. */
  #refusedBytes = 0
  readonly #waiting: RpcMessage[] = []
  #running: RpcMessage | undefined
  #call: AbortController | undefined
  #timer: { readonly about: 'first' | 'frame' | 'answer'; readonly handle: Timer } | undefined
  #heldBytes = 0
  #hasAsked = false
  #isInputOver = false
  #isClosed = false
  #hasLeft = false
  #why: string | undefined

  constructor(socket: Socket, host: ConnectionHost) {
    this.#socket = socket
    this.#host = host
    this.#decoder = this.#newDecoder()
    socket.setNoDelay(true)
    socket.on('data', (chunk) => this.#push(chunk))
    socket.on('end', () => this.#inputOver())
    socket.on('error', (error) => this.close(error.message))
    socket.on('close', () => this.close(undefined))
    this.#watch()
  }

  /** True while nothing of this client is being worked on. */
  get isIdle(): boolean {
    return this.#running === undefined && this.#waiting.length === 0
  }

  /** True once the client has sent a request; before that nothing is known of it. */
  get hasAsked(): boolean {
    return this.#hasAsked
  }

  /** Ends the connection. The signal of a request that runs aborts; if it goes on all the same, its answer is dropped. */
  close(why: string | undefined): void {
    this.#why ??= why
    if (!this.#isClosed) {
      this.#isClosed = true
      this.#timer?.handle.clear()
      this.#waiting.length = 0
      this.#socket.destroy()
      this.#call?.abort()
    }
    // It keeps its place until its request is done: otherwise a client could run any number of requests by reconnecting.
    if (this.#running === undefined) this.#leave()
  }

  #leave(): void {
    if (this.#hasLeft) return
    this.#hasLeft = true
    this.#host.hold(-this.#heldBytes)
    this.#heldBytes = 0
    this.#host.closed(this, this.#why)
  }

  #push(chunk: Buffer): void {
    if (this.#isClosed) return
    const refused = Math.min(this.#refusedBytes, chunk.length)
    this.#refusedBytes -= refused
    const fault = this.#decoder.push(chunk.subarray(refused))
    const frame = fault === undefined ? undefined : refusedFrameOf(fault)
    if (frame !== undefined && this.isIdle) this.#refuse(frame)
    else if (fault !== undefined) {
      this.close(fault.message)
      return
    }
    // Read on while a single request runs, because only reading shows that the client has left.
    if (this.#waiting.length > 0 || (this.#running !== undefined && this.#decoder.bufferedBytes > 0))
      this.#socket.pause()
    this.#account()
    this.#watch()
  }

  #newDecoder(): FrameDecoder {
    return new FrameDecoder(limits, {
      frame: (frame) => this.#take(frame),
      junk: () => this.close('it sent bytes that are not a frame'),
    })
  }

  /** Answers a request that is too large with an error. Its bytes are dropped as they come, and the client may go on. */
  #refuse({ flags, options: [sequence = 0], leftBytes }: RefusedFrame): void {
    const data = `rpc: the request has more than ${rpcBytesMax} bytes`
    const codec = codecOf(flags)
    // The name of its method is not read.
    this.#socket.write(encodeFrame(rpcParts({ sequence, method: '', codec, isError: true, data })))
    this.#hasAsked = true
    this.#refusedBytes = leftBytes
    this.#decoder = this.#newDecoder()
  }

  #take(frame: Frame): void {
    if (this.#isClosed) return
    const message = readRpc(frame)
    if (message === undefined) {
      this.close('it sent a frame that is not a request')
      return
    }
    this.#hasAsked = true
    this.#waiting.push(message)
    void this.#next()
  }

  /** Runs the waiting requests one after the other. Never rejects: a failing method is answered with its error. */
  async #next(): Promise<void> {
    if (this.#running !== undefined) return
    for (let message = this.#waiting.shift(); message !== undefined; message = this.#waiting.shift()) {
      this.#running = message
      this.#watch()
      const answer = await this.#answer(message)
      if (!this.#isClosed) await this.#write(answer)
      this.#running = undefined
      if (this.#isClosed) return this.#leave()
      this.#account()
      // Many small requests in one chunk must not block other clients.
      if (this.#waiting.length > 0) await new Promise((resolve) => setImmediate(resolve))
    }
    if (this.#isInputOver) this.#socket.end()
    else this.#socket.resume()
    this.#watch()
  }

  async #answer(message: RpcMessage): Promise<Buffer> {
    const { dispatch, caller } = this.#host
    const abort = new AbortController()
    this.#call = abort
    if (this.#isInputOver) abort.abort()
    try {
      const data = await dispatch(message, { caller, abort })
      return encodeFrame(rpcParts({ ...message, isError: false, data }))
    } catch (error) {
      return encodeFrame(rpcParts({ ...message, isError: true, data: errorText(error) }))
    } finally {
      this.#call = undefined
    }
  }

  /** Resolves when the client has taken the answer, or its connection was closed. */
  async #write(answer: Buffer): Promise<void> {
    const isTaken = this.#socket.write(answer)
    this.#account()
    if (isTaken || this.#isClosed) return
    this.#wait('answer', answerMsMax, 'it did not read its answer')
    await new Promise<void>((resolve) => {
      this.#socket.once('drain', resolve)
      this.#socket.once('close', resolve)
    })
    this.#timer?.handle.clear()
    this.#timer = undefined
  }

  #inputOver(): void {
    this.#isInputOver = true
    this.#call?.abort()
    // A client that has closed its sending side is still answered.
    if (this.#decoder.bufferedBytes + this.#refusedBytes > 0) this.close('it ended within a frame')
    else if (this.isIdle) this.#socket.end()
  }

  #account(): void {
    const requests = this.#waiting.reduce(
      (sum, { data }) => sum + data.length,
      this.#running?.data.length ?? 0,
    )
    const held = this.#decoder.bufferedBytes + requests + this.#socket.writableLength
    const hasRoom = this.#host.hold(held - this.#heldBytes)
    this.#heldBytes = held
    if (!hasRoom && held > fairBytes) this.close('all clients together hold too many bytes')
  }

  /**
   * Starts the time limit for the client's next step: its first request, or the rest of a frame. There is none while the client
   * waits for us.
   */
  #watch(): void {
    if (this.#isClosed) return
    const owes = !this.isIdle
      ? undefined
      : this.#decoder.bufferedBytes + this.#refusedBytes > 0
        ? 'frame'
        : this.#hasAsked
          ? undefined
          : 'first'
    if (this.#timer?.about === owes) return
    this.#timer?.handle.clear()
    this.#timer = undefined
    if (owes === 'frame') this.#wait('frame', frameMsMax, 'it did not complete a frame')
    else if (owes === 'first') this.#wait('first', firstRequestMsMax, 'it sent no request')
  }

  #wait(about: 'first' | 'frame' | 'answer', delayMs: number, why: string): void {
    this.#timer?.handle.clear()
    this.#timer = { about, handle: this.#host.clock.timer(delayMs, () => this.close(why), { unref: true }) }
  }
}
