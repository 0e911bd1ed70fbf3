/** Serves RPC over a bounded number of connections. Hostile bytes cost their sender its connection, and nobody else anything. */
import { createServer, type Server, type Socket } from 'node:net'
import type { Clock } from '../core/clock.js'
import type { Logger } from '../core/log.js'
import { type Dispatch, RpcConnection } from './rpc-connection.js'

/** What a server is made of. */
export interface RpcServerOptions {
  /** How the log names the socket. */
  readonly name: string
  readonly dispatch: Dispatch
  /** Connections at a time. */
  readonly placesMax: number
  /**
   * Whose place a newcomer gets when all are taken: that of a client that has not asked for anything yet (`silent`), or of any
   * that has no request running (`idle`). Where there is none the newcomer is refused.
   */
  readonly evicts: 'silent' | 'idle'
  readonly clock: Clock
  readonly log: Logger
}

// Requests and answers of all clients of one socket.
const heldBytesMax = 64 * 1024 * 1024

/** A server that listens to nothing yet: hand it to `listenUnix` or `listenTcp`. */
export class RpcServer {
  readonly server: Server
  /** The longest connected first. */
  readonly #connections = new Set<RpcConnection>()
  readonly #options: RpcServerOptions
  #heldBytes = 0
  #hasWarned = false

  constructor(options: RpcServerOptions) {
    this.#options = options
    // Half-open, so that a client that closes its sending side after its question is answered.
    this.server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket))
    // Without a listener a failed `accept` (no descriptor left) would end the process.
    this.server.on('error', (error) => this.#acceptFailed(error))
  }

  /** Stops to listen and drops all clients. The socket's file has gone when this returns, before the promise resolves. */
  async close(): Promise<void> {
    if (!this.server.listening) return
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()))
    for (const connection of this.#connections) connection.close(undefined)
    await closed
  }

  #accept(socket: Socket): void {
    if (this.#connections.size >= this.#options.placesMax && !this.#makeRoom()) {
      socket.destroy()
      return
    }
    const { name, dispatch, clock } = this.#options
    const connection = new RpcConnection(socket, {
      caller: { socket: name, claimed: undefined },
      dispatch,
      clock,
      hold: (changeBytes) => {
        this.#heldBytes += changeBytes
        return this.#heldBytes <= heldBytesMax
      },
      closed: (one, why) => this.#leave(one, why),
    })
    this.#connections.add(connection)
  }

  #acceptFailed(error: Error): void {
    // A fault before that is told by whoever called `listen`.
    if (!this.server.listening) return
    const { name, log } = this.#options
    if (!this.#hasWarned)
      log.warn({ socket: name, error: error.message }, 'a control connection was not accepted')
    this.#hasWarned = true
    this.#evict()
  }

  /** Frees a place; false when nobody can be asked to leave. */
  #makeRoom(): boolean {
    const { placesMax, name, log } = this.#options
    if (!this.#hasWarned) log.warn({ socket: name, placesMax }, 'all places of a control socket are taken')
    this.#hasWarned = true
    return this.#evict()
  }

  #evict(): boolean {
    const all = [...this.#connections]
    const last =
      all.find((one) => !one.hasAsked) ??
      (this.#options.evicts === 'idle' ? all.find((one) => one.isIdle) : undefined)
    last?.close('its place was given to a new client')
    return last !== undefined
  }

  #leave(connection: RpcConnection, why: string | undefined): void {
    this.#connections.delete(connection)
    if (this.#connections.size < this.#options.placesMax / 2) this.#hasWarned = false
    if (why !== undefined)
      this.#options.log.debug({ socket: this.#options.name, why }, 'a control connection ended')
  }
}
