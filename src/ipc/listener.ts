/**
 * One listener for all workers of a socket relay. Each connection shakes hands by itself and is matched to a spawned
 * worker by the pid it reports; a stray, silent or lying one harms nobody.
 */
import { chmodSync } from 'node:fs'
import { unlink } from 'node:fs/promises'
import { connect, createServer, isIP, type Server, type Socket } from 'node:net'
import type { Clock } from '../core/clock.js'
import { ErrorCode, hasCode, messageOf, RelayError } from '../core/errors.js'
import type { Logger } from '../core/log.js'
import type { PidReply } from './control.js'
import { handshake } from './handshake.js'
import type { Relay, RelayLimits } from './relay.js'
import { socketRelay } from './socket-relay.js'

/** Where and how to listen. */
export interface ListenerOptions {
  /** `unix://PATH` or `tcp://HOST:PORT`, the host a loopback address; port 0 takes a free one. */
  readonly address: string
  readonly ownPid: number
  /** How long a connection may take to answer the PID request. */
  readonly handshakeMs: number
  readonly limits: RelayLimits
  readonly clock: Clock
  readonly log: Logger
}

/** A worker that has introduced itself. */
export interface Introduced {
  readonly relay: Relay
  readonly features: readonly string[]
}

/** Accepts workers until it is closed. */
export interface RelayListener {
  /** What RR_RELAY says: the real port. */
  readonly address: string
  /** Resolves with the relay of the worker `pid`; rejects with RR_IPC_HANDSHAKE when the time is up or `signal` aborts. */
  expect(
    pid: number,
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
  ): Promise<Introduced>
  close(): Promise<void>
}

// Connections that have not said who they are; more are turned away, so that a stranger cannot exhaust descriptors.
const strangersMax = 256
/** Node cuts longer socket paths off in silence. */
export const socketPathBytesMax = 103

/** Starts to listen. Rejects with RR_SOCKET_PATH, RR_ADDRESS_IN_USE or RR_IPC_RELAY_CLOSED. */
export async function openListener(options: ListenerOptions): Promise<RelayListener> {
  const listener = new Listener(options)
  await listener.open()
  return listener
}

interface Expectation {
  readonly resolve: (introduced: Introduced) => void
}

class Listener implements RelayListener {
  address: string
  readonly #options: ListenerOptions
  readonly #server: Server
  readonly #expected = new Map<number, Expectation>()
  /** Workers that connected before they were expected. */
  readonly #early = new Map<number, Introduced>()
  readonly #sockets = new Set<Socket>()
  #strangers = 0

  constructor(options: ListenerOptions) {
    this.#options = options
    this.address = options.address
    this.#server = createServer((socket) => void this.#accept(socket))
  }

  async open(): Promise<void> {
    const { address } = this.#options
    const unix = /^unix:\/\/(.+)$/.exec(address)?.[1]
    if (unix !== undefined) return listenUnix(this.#server, unix)
    const [, host = '', port = ''] = /^tcp:\/\/(.+):(\d+)$/.exec(address) ?? []
    await listenTcp(this.#server, host, Number(port))
    const bound = this.#server.address()
    if (typeof bound === 'object' && bound !== null) this.address = `tcp://${host}:${bound.port}`
  }

  expect(
    pid: number,
    { timeoutMs, signal }: { timeoutMs: number; signal?: AbortSignal },
  ): Promise<Introduced> {
    const early = this.#early.get(pid)
    if (early !== undefined) {
      this.#early.delete(pid)
      return Promise.resolve(early)
    }
    return new Promise((resolve, reject) => {
      const over = () => {
        timer.clear()
        signal?.removeEventListener('abort', onAbort)
        this.#expected.delete(pid)
      }
      const fail = (why: string) => {
        over()
        reject(new RelayError(ErrorCode.Handshake, why))
      }
      const onAbort = () => fail('it ended, or was given up, before it connected')
      const timer = this.#options.clock.timer(timeoutMs, () =>
        fail(`it did not connect to ${this.address} within ${timeoutMs} ms`),
      )
      if (signal?.aborted === true) return onAbort()
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#expected.set(pid, {
        resolve: (introduced) => {
          over()
          resolve(introduced)
        },
      })
    })
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  async #accept(socket: Socket): Promise<void> {
    socket.on('error', () => socket.destroy())
    if (this.#strangers >= strangersMax) {
      socket.destroy()
      return
    }
    this.#strangers += 1
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    const { ownPid, clock, handshakeMs, limits, log } = this.#options
    const relay = socketRelay(socket, limits)
    try {
      const reply = await handshake(relay, { ownPid, clock, timeoutMs: handshakeMs, onJunk: () => undefined })
      this.#introduce(reply, relay)
    } catch (error) {
      log.debug({ error: messageOf(error) }, 'a connection to the relay was no worker')
      relay.close()
    } finally {
      this.#strangers -= 1
    }
  }

  #introduce({ pid, features }: PidReply, relay: Relay): void {
    const expectation = this.#expected.get(pid)
    if (expectation !== undefined) {
      expectation.resolve({ relay, features })
      return
    }
    if (this.#early.has(pid) || this.#early.size >= strangersMax) {
      this.#options.log.warn({ pid }, 'a connection to the relay claims a pid that nobody waits for')
      relay.close()
      return
    }
    this.#early.set(pid, { relay, features })
    // Nobody spawned it: whoever it is has the time of a handshake to be expected.
    this.#options.clock.timer(
      this.#options.handshakeMs,
      () => {
        if (this.#early.get(pid)?.relay !== relay) return
        this.#early.delete(pid)
        relay.close()
      },
      { unref: true },
    )
  }
}

/**
 * Listens on a socket file of mode 0600. A stale file is removed after a failed connect; a live one is RR_ADDRESS_IN_USE.
 * Throws RR_SOCKET_PATH over 103 bytes.
 */
export async function listenUnix(server: Server, path: string): Promise<void> {
  const bytes = Buffer.byteLength(path)
  if (bytes > socketPathBytesMax) {
    throw new RelayError(
      ErrorCode.SocketPath,
      `the socket path ${path} has ${bytes} bytes; ${socketPathBytesMax} fit`,
      {
        hint: 'Use a shorter folder: the system cuts longer paths off in silence.',
      },
    )
  }
  try {
    await listening(server, { path })
  } catch (error) {
    if (!hasErrno(error, 'EADDRINUSE')) throw cannotListen(`unix://${path}`, error)
    if (await isLive(path)) throw inUse(`unix://${path}`)
    await unlink(path)
    await listening(server, { path })
  }
  chmodSync(path, 0o600)
}

/** Listens on a loopback address. Throws RR_ADDRESS_IN_USE, or RR_IPC_RELAY_CLOSED for an address that is not loopback. */
export async function listenTcp(server: Server, host: string, port: number): Promise<void> {
  if (host !== 'localhost' && host !== '::1' && !(isIP(host) === 4 && host.startsWith('127.'))) {
    throw new RelayError(ErrorCode.RelayClosed, `tcp://${host}:${port} is not a loopback address`, {
      hint: 'Write 127.0.0.1: whoever reaches this port can act as a worker.',
    })
  }
  try {
    await listening(server, { host, port })
  } catch (error) {
    if (hasErrno(error, 'EADDRINUSE')) throw inUse(`tcp://${host}:${port}`)
    throw cannotListen(`tcp://${host}:${port}`, error)
  }
}

function listening(server: Server, where: { path: string } | { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    // The file must never be open to others, not even between bind and chmod.
    const before = 'path' in where ? process.umask(0o177) : undefined
    server.listen(where, () => {
      server.off('error', reject)
      resolve()
    })
    if (before !== undefined) process.umask(before)
  })
}

function isLive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    const answer = (isThere: boolean) => {
      socket.destroy()
      resolve(isThere)
    }
    socket.once('connect', () => answer(true))
    socket.once('error', () => answer(false))
  })
}

function hasErrno(error: unknown, errno: string): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === errno
}

function inUse(address: string): RelayError {
  return new RelayError(ErrorCode.AddressInUse, `${address} is in use`, {
    hint: 'Stop who listens there, or change `server.relay`.',
  })
}

function cannotListen(address: string, error: unknown): RelayError {
  if (hasCode(error, ErrorCode.SocketPath)) return error as RelayError
  return new RelayError(ErrorCode.RelayClosed, `cannot listen on ${address}: ${messageOf(error)}`, {
    cause: error,
  })
}
