/** Serves RPC over any number of connections. Hostile bytes cost their sender its connection, and nobody else anything. */
import { createServer, type Server, type Socket } from 'node:net'
import { messageOf } from '../core/errors.js'
import type { Logger } from '../core/log.js'
import type { Frame } from './frame.js'
import type { RelayLimits } from './relay.js'
import { decodeArgument, encodeReply, type RpcMessage, readRpc, rpcParts } from './rpc-codec.js'
import { socketRelay } from './socket-relay.js'

/** Calls a method by its full name, e.g. `informer.Workers`; throws with the text that the client is answered. */
export type Dispatch = (method: string, argument: unknown) => Promise<unknown>

const connectionsMax = 128
const limits: RelayLimits = { payloadBytesMax: 16 * 1024 * 1024, junkBytesMax: 0 }

/** A server that listens to nothing yet: hand it to `listenUnix` or `listenTcp`. */
export class RpcServer {
  readonly server: Server
  readonly #sockets = new Set<Socket>()
  readonly #dispatch: Dispatch
  readonly #log: Logger

  constructor(options: { readonly dispatch: Dispatch; readonly log: Logger }) {
    this.#dispatch = options.dispatch
    this.#log = options.log
    this.server = createServer((socket) => this.#accept(socket))
    this.server.maxConnections = connectionsMax
  }

  async close(): Promise<void> {
    if (!this.server.listening) return
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    const relay = socketRelay(socket, limits)
    const answer = (message: RpcMessage, isError: boolean, data: Uint8Array | string) =>
      relay.send(rpcParts({ ...message, isError, data }))
    relay.read({
      junk: () => relay.close(),
      closed: (fault) => fault && this.#log.debug({ error: fault.message }, 'a control connection broke'),
      frame: (frame: Frame) => {
        const message = readRpc(frame)
        if (message === undefined) {
          relay.close()
          return
        }
        this.#run(message).then(
          (data) => answer(message, false, data),
          (error: unknown) => answer(message, true, messageOf(error)),
        )
      },
    })
  }

  async #run(message: RpcMessage): Promise<Uint8Array | string> {
    return encodeReply(message.codec, await this.#dispatch(message.method, decodeArgument(message)))
  }
}
