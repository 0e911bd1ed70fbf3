/** Calls a running server: what `rr workers`, `rr reset` and `rr stop` speak, and any program of yours may. */
import { connect, type Socket } from 'node:net'
import { ErrorCode, messageOf, RelayError } from '../core/errors.js'
import { FrameFlag } from './frame.js'
import { defaultRelayLimits, type Relay } from './relay.js'
import { readRpc, rpcParts } from './rpc-codec.js'
import { socketRelay } from './socket-relay.js'

interface Call {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

/** A connection to a server's control socket. */
export interface RpcClient {
  /** Calls with the JSON codec. Rejects with RR_RPC_FAILED and the server's text, or RR_NOT_RUNNING when it went. */
  call(method: string, argument?: unknown): Promise<unknown>
  /** Resolves when the server has closed the connection. */
  readonly closed: Promise<void>
  close(): void
}

/** Connects to `unix://PATH` or `tcp://HOST:PORT`. Rejects with RR_NOT_RUNNING. */
export async function connectRpc(address: string): Promise<RpcClient> {
  const unix = /^unix:\/\/(.+)$/.exec(address)?.[1]
  const [, host = '', port = '0'] = /^tcp:\/\/(.+):(\d+)$/.exec(address) ?? []
  const socket = unix === undefined ? connect({ host, port: Number(port) }) : connect(unix)
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', (error) =>
      reject(
        new RelayError(ErrorCode.NotRunning, `no server answers on ${address}: ${messageOf(error)}`, {
          hint: 'Start one with `rr serve`, with the same -c.',
        }),
      ),
    )
  })
  return new Client(socket)
}

class Client implements RpcClient {
  readonly closed: Promise<void>
  readonly #relay: Relay
  readonly #pending = new Map<number, Call>()
  #sequence = 0

  constructor(socket: Socket) {
    this.#relay = socketRelay(socket, defaultRelayLimits)
    this.closed = new Promise((resolve) => {
      this.#relay.read({
        junk: () => this.#relay.close(),
        frame: (frame) => {
          const message = readRpc(frame)
          const call = message && this.#pending.get(message.sequence)
          if (message === undefined || call === undefined) return
          this.#pending.delete(message.sequence)
          const text = message.data.toString('utf8')
          if (message.isError) call.reject(new RelayError(ErrorCode.RpcFailed, text))
          else call.resolve(JSON.parse(text))
        },
        closed: () => {
          resolve()
          const gone = new RelayError(ErrorCode.NotRunning, 'the server went before it answered')
          for (const call of this.#pending.values()) call.reject(gone)
          this.#pending.clear()
        },
      })
    })
  }

  call(method: string, argument?: unknown): Promise<unknown> {
    this.#sequence += 1
    const sequence = this.#sequence
    return new Promise((resolve, reject) => {
      this.#pending.set(sequence, { resolve, reject })
      const data = JSON.stringify(argument ?? null)
      this.#relay.send(rpcParts({ sequence, method, codec: FrameFlag.json, isError: false, data }))
    })
  }

  close(): void {
    this.#relay.close()
  }
}
