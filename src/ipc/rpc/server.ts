/** Serves RPC over a bounded number of connections. Malformed bytes close their sender's connection and affect no other client. */
import { createServer, type Server, type Socket } from 'node:net'
import type { Clock } from '../../core/clock.js'
import type { Logger } from '../../logging/logger.js'
import { type Dispatch, RpcConnection } from './connection.js'

/** Options of an RPC server. */
export interface RpcServerOptions {
  /** Name of the socket in the log. */
  readonly name: string
  readonly dispatch: Dispatch
  /** Maximum number of connections. */
  readonly placesMax: number
  /**
   * Kind of client that is closed for a new one when all places are taken: one that has not asked for anything yet
   * (`silent`), or any without a running request (`idle`). If there is none, the new client is refused.
   */
  readonly evicts: 'silent' | 'idle'
  /** Bytes of the requests and answers of all clients at most; 256 MB by default. */
  readonly heldBytesMax?: number
  readonly clock: Clock
  readonly log: Logger
}

const heldBytesMaxDefault = 256 * 1024 * 1024

/** A server that listens to nothing yet: hand it to `listenUnix` or `listenTcp`. */
export class RpcServer {
  readonly server: Server
  /** Connected clients, the longest connected first. */
  readonly #connections = new Set<RpcConnection>()
  readonly #options: RpcServerOptions
  #heldBytes = 0
  #hasWarned = false

  constructor(options: RpcServerOptions) {
    this.#options = options
    // Half-open, so that a client that closes its sending side after its request is still answered.
    this.server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket))
    // Without a listener a failed `accept` (no descriptor left) would end the process.
    this.server.on('error', (error) => this.#acceptFailed(error))
  }

  /** Stops listening and closes all clients. The socket's file is removed before this returns, not only when the promise resolves. */
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
    const { name, dispatch, clock, heldBytesMax = heldBytesMaxDefault } = this.#options
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
    // The caller of `listen` reports earlier faults.
    if (!this.server.listening) return
    const { name, log } = this.#options
    if (!this.#hasWarned)
      log.warn({ socket: name, error: error.message }, 'a control connection was not accepted')
    this.#hasWarned = true
    this.#evict()
  }

  /** Frees a place by closing a client; false when none may be closed. */
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
