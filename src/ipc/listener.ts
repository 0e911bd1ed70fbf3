/**
 * One listener for all workers of a socket relay. Each connection shakes hands by itself and is matched to a spawned worker
 * by the pid it reports; a connection that is unexpected, silent, or reports a wrong pid affects no other.
 */
import { createServer, type Server, type Socket } from 'node:net'
import { onAbort } from '../core/abort.js'
import { assert } from '../core/assert.js'
import type { Clock, Timer } from '../core/clock.js'
import { ErrorCode, messageOf, RelayError } from '../core/errors.js'
import type { Logger } from '../logging/logger.js'
import type { Announced, PidReply } from './control.js'
import { handshake } from './handshake.js'
import { listenTcp, listenUnix } from './listen.js'
import type { Relay, RelayLimits } from './relay.js'
import { socketRelay } from './relays/socket-relay.js'

/** Options of a listener. */
export interface ListenerOptions {
  /** `unix://PATH` or `tcp://HOST:PORT`, the host a loopback address; port 0 takes a free one. */
  readonly address: string
  readonly ownPid: number
  /** Limit for answering the PID request, and then for becoming expected: a worker may connect before it boots. */
  readonly handshakeMs: number
  /** The same for connections beyond the number of expected workers, which cannot all be workers; 5 s when left out. */
  readonly helloMs?: number
  readonly limits: RelayLimits
  readonly clock: Clock
  readonly log: Logger
  /**
   * Limit of connections that have not identified themselves, in addition to one for each expected worker, and of identified ones
   * that are not expected yet; 512 when left out. Beyond it the oldest are closed.
   */
  readonly unexpectedMax?: number
}

/** A worker that has reported its pid. */
interface Introduced extends Announced {
  readonly relay: Relay
}

/** Options of an expected connection. */
interface ExpectOptions {
  readonly timeoutMs: number
  readonly signal?: AbortSignal
}

/** Accepts workers until it is closed. */
export interface RelayListener {
  /** Address for RR_RELAY, with the real port. */
  readonly address: string
  /**
   * Resolves with the relay of the worker `pid`, also when it connected before. Rejects with RR_IPC_HANDSHAKE when the time
   * is up or `signal` aborts, with RR_IPC_RELAY_CLOSED when the listener is closed.
   */
  expect(pid: number, options: ExpectOptions): Promise<Introduced>
  /**
   * Ends every connection, removes the socket file, rejects pending calls of `expect`. Calling it again is harmless.
   */
  close(): Promise<void>
}

// Enough for the largest pool, 500 workers, to boot at once, without using up our descriptors.
const unexpectedMaxDefault = 512
const helloMsDefault = 5000
const tellAgainMs = 10_000

/** Starts to listen. Rejects with RR_SOCKET_PATH, RR_ADDRESS_IN_USE, or RR_IPC_RELAY_CLOSED for an invalid address. */
export async function openListener(options: ListenerOptions): Promise<RelayListener> {
  const listener = new Listener(options)
  await listener.open()
  return listener
}

interface Expectation {
  readonly resolve: (introduced: Introduced) => void
  readonly fail: (error: RelayError) => void
}

interface Early extends Introduced {
  readonly timer: Timer
}

class Listener implements RelayListener {
  address: string
  readonly #options: ListenerOptions
  readonly #server: Server
  readonly #expected = new Map<number, Expectation>()
  /** Workers that connected before they were expected. */
  readonly #early = new Map<number, Early>()
  readonly #sockets = new Set<Socket>()
  readonly #unexpectedMax: number
  /** Connections that have not said who they are, in the order in which they came. */
  readonly #silent = new Map<Relay, { isOverdue: boolean }>()
  #toldAt = Number.NEGATIVE_INFINITY
  #isClosed = false

  constructor(options: ListenerOptions) {
    this.#options = options
    this.address = options.address
    this.#unexpectedMax = options.unexpectedMax ?? unexpectedMaxDefault
    this.#server = createServer((socket) => void this.#accept(socket))
  }

  async open(): Promise<void> {
    const { address, log } = this.#options
    const path = /^unix:\/\/(.+)$/.exec(address)?.[1]
    const [, host, port] = /^tcp:\/\/(.+):(\d+)$/.exec(address) ?? []
    if (path !== undefined) await listenUnix(this.#server, path)
    else if (host !== undefined) await listenTcp(this.#server, host, Number(port))
    else {
      throw new RelayError(ErrorCode.RelayClosed, `"${address}" is not an address to listen on`, {
        hint: 'Write unix://PATH or tcp://127.0.0.1:PORT.',
      })
    }
    const bound = this.#server.address()
    if (typeof bound === 'object' && bound !== null) this.address = `tcp://${host}:${bound.port}`
    // E.g. no descriptor left for an accept: that connection is lost, the listener is not.
    this.#server.on('error', (error) => log.warn({ error: messageOf(error) }, 'a relay connection failed'))
  }

  expect(pid: number, { timeoutMs, signal }: ExpectOptions): Promise<Introduced> {
    assert(!this.#expected.has(pid), `pid ${pid} is expected twice`)
    if (this.#isClosed) return Promise.reject(this.#closedError())
    const early = this.#takeEarly(pid)
    if (early !== undefined) return Promise.resolve(early)
    const givenUp = 'it ended, or was cancelled, before it connected'
    if (signal?.aborted === true) return Promise.reject(new RelayError(ErrorCode.Handshake, givenUp))
    return new Promise((resolve, reject) => {
      const over = () => {
        timer.clear()
        stopListening()
        this.#expected.delete(pid)
        this.#closeOverdue()
      }
      const fail = (error: RelayError) => {
        over()
        reject(error)
      }
      const refuse = (why: string) => fail(new RelayError(ErrorCode.Handshake, why))
      const timer = this.#options.clock.timer(timeoutMs, () =>
        refuse(`it did not connect to ${this.address} and answer within ${timeoutMs} ms`),
      )
      const stopListening = onAbort(signal, () => refuse(givenUp))
      this.#expected.set(pid, {
        fail,
        resolve: (introduced) => {
          over()
          resolve(introduced)
        },
      })
    })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const expectation of this.#expected.values()) expectation.fail(this.#closedError())
    for (const pid of this.#early.keys()) this.#takeEarly(pid)
    for (const socket of this.#sockets) socket.destroy()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  async #accept(socket: Socket): Promise<void> {
    const { ownPid, clock, handshakeMs, limits, log } = this.#options
    socket.on('error', () => socket.destroy())
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    const relay = socketRelay(socket, limits)
    const timer = this.#await(relay)
    try {
      // Workers print nothing into a socket, so bytes that are not a frame come from another program.
      const onJunk = () => relay.close()
      this.#introduce(await handshake(relay, { ownPid, clock, timeoutMs: handshakeMs, onJunk }), relay)
    } catch (error) {
      log.debug({ error: messageOf(error) }, 'a connection to the relay was not from a worker')
      relay.close()
    } finally {
      timer.clear()
      this.#silent.delete(relay)
    }
  }

  /** Makes room for a connection that has said nothing, and begins to count its time. */
  #await(relay: Relay): Timer {
    const { clock, helloMs = helloMsDefault } = this.#options
    if (this.#silent.size >= this.#unexpectedMax + this.#expected.size) this.#closeFirst()
    const state = { isOverdue: false }
    this.#silent.set(relay, state)
    const onTimeout = () => {
      state.isOverdue = true
      this.#closeOverdue()
    }
    return clock.timer(helloMs, onTimeout, { unref: true })
  }

  /** Closes the oldest silent connection: it has had the most time to say who it is. */
  #closeFirst(): void {
    const [first] = this.#silent.keys()
    if (first === undefined) return
    this.#tell(
      { connections: this.#silent.size },
      'too many connections to the relay have not identified themselves',
    )
    this.#silent.delete(first)
    first.close()
  }

  /** Closes overdue silent connections, but keeps one for each expected worker, since any of them may be it. */
  #closeOverdue(): void {
    const overdue = [...this.#silent].filter(([, { isOverdue }]) => isOverdue)
    for (const [relay] of overdue.slice(0, Math.max(0, overdue.length - this.#expected.size))) {
      this.#silent.delete(relay)
      relay.close()
    }
  }

  #tell(fields: Readonly<Record<string, unknown>>, message: string): void {
    const { clock, log } = this.#options
    const nowMs = clock.monotonicMs()
    if (nowMs - this.#toldAt < tellAgainMs) return
    this.#toldAt = nowMs
    log.warn(fields, message)
  }

  #introduce({ pid, ...announced }: PidReply, relay: Relay): void {
    const expectation = this.#expected.get(pid)
    if (expectation !== undefined) {
      expectation.resolve({ relay, ...announced })
      return
    }
    if (this.#isClosed || this.#early.has(pid)) {
      this.#options.log.warn({ pid }, 'a connection to the relay claims the pid of another connection')
      relay.close()
      return
    }
    if (this.#early.size >= this.#unexpectedMax) this.#closeFirstEarly()
    this.#keepEarly(pid, { relay, ...announced })
  }

  #closeFirstEarly(): void {
    const [first] = this.#early.keys()
    if (first === undefined) return
    this.#tell(
      { connections: this.#early.size },
      'too many connections to the relay claim pids that are not expected',
    )
    this.#takeEarly(first)?.relay.close()
  }

  /**
   * Keeps a worker that is not expected yet for the time of a handshake, unless it disconnects or sends anything more.
   */
  #keepEarly(pid: number, introduced: Introduced): void {
    const { clock, handshakeMs, log } = this.#options
    const { relay } = introduced
    const onTimeout = () => {
      log.warn({ pid }, 'a connection to the relay claims a pid that is not expected')
      relay.close()
    }
    this.#early.set(pid, { ...introduced, timer: clock.timer(handshakeMs, onTimeout, { unref: true }) })
    relay.read({
      frame: () => relay.close(),
      junk: () => relay.close(),
      closed: () => this.#takeEarly(pid),
    })
  }

  #takeEarly(pid: number): Early | undefined {
    const early = this.#early.get(pid)
    early?.timer.clear()
    this.#early.delete(pid)
    return early
  }

  #closedError(): RelayError {
    return new RelayError(ErrorCode.RelayClosed, `the listener on ${this.address} was closed`)
  }
}
