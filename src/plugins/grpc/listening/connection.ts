/** The life of one connection: how long it may be idle or live at all, and whether its client is still there. */
import { randomInt } from 'node:crypto'
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { Clock, Timer } from '../../../index.js'

/** Limits of connections in ms; 0 is none. */
export interface ConnectionLimits {
  readonly idleMs: number
  readonly ageMs: number
  readonly graceMs: number
  readonly pingMs: number
  readonly pongMs: number
}

/** The longest time until a client begins with HTTP/2. */
const beginMsMax = 30_000
/** Bytes that a client may send ahead on one connection. */
const windowBytes = 4 * 1024 * 1024

/** A connection with its timers. */
export class GrpcConnection {
  readonly #session: ServerHttp2Session
  readonly #limits: ConnectionLimits
  readonly #clock: Clock
  readonly #timers = new Map<'begin' | 'idle' | 'age' | 'ping' | 'pong', Timer>()
  #streams = 0
  #bytesBefore = 0

  constructor(session: ServerHttp2Session, limits: ConnectionLimits, clock: Clock) {
    this.#session = session
    this.#limits = limits
    this.#clock = clock
    session.on('error', () => undefined)
    session.setLocalWindowSize(windowBytes)
    this.#start('begin', beginMsMax, () => session.destroy())
    session.once('remoteSettings', () => this.#stop('begin'))
    // So that clients of one moment do not all come back at one moment.
    if (limits.ageMs > 0)
      this.#start('age', (limits.ageMs * randomInt(900, 1101)) / 1000, () => this.#retire())
    this.#ping()
    this.#rest()
    session.once('close', () => {
      for (const timer of this.#timers.values()) timer.clear()
      this.#timers.clear()
    })
  }

  /** Counts a call until its stream has closed. */
  begin(stream: ServerHttp2Stream): void {
    this.#streams += 1
    this.#stop('idle')
    stream.once('close', () => {
      this.#streams -= 1
      this.#rest()
    })
  }

  /** Takes no new calls: the client is told (GOAWAY), and the connection ends with its last call. */
  close(): void {
    if (!this.#session.closed) this.#session.close()
  }

  /** Ends it now. */
  destroy(): void {
    this.#session.destroy()
  }

  #rest(): void {
    const { idleMs } = this.#limits
    if (idleMs > 0 && this.#streams === 0) this.#start('idle', idleMs, () => this.close())
  }

  #retire(): void {
    this.close()
    const { graceMs } = this.#limits
    if (graceMs > 0) this.#start('age', graceMs, () => this.destroy())
  }

  #ping(): void {
    const { pingMs, pongMs } = this.#limits
    this.#start('ping', pingMs, () => {
      const bytes = this.#session.socket.bytesRead
      const isSilent = bytes === this.#bytesBefore
      this.#bytesBefore = bytes
      this.#ping()
      if (!isSilent || this.#timers.has('pong')) return
      this.#start('pong', pongMs, () => this.destroy())
      this.#session.ping(() => this.#stop('pong'))
    })
  }

  #start(name: 'begin' | 'idle' | 'age' | 'ping' | 'pong', ms: number, run: () => void): void {
    if (this.#session.destroyed) return
    this.#stop(name)
    const fire = () => {
      this.#timers.delete(name)
      run()
    }
    this.#timers.set(name, this.#clock.timer(ms, fire, { unref: true }))
  }

  #stop(name: 'begin' | 'idle' | 'age' | 'ping' | 'pong'): void {
    this.#timers.get(name)?.clear()
    this.#timers.delete(name)
  }
}
