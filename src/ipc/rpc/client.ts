/** Calls the procedures of a running server, as `rr workers`, `rr reset` and `rr stop` do. */
import { connect, type Socket } from 'node:net'
import { type Clock, systemClock } from '../../core/clock.js'
import { ErrorCode, messageOf, RelayError } from '../../core/errors.js'
import { bareHost } from '../../core/loopback.js'
import { type Frame, FrameFlag } from '../frame.js'
import type { Relay } from '../relay.js'
import { socketRelay } from '../relays/socket-relay.js'
import { type RpcMessage, readRpc, rpcBytesMax, rpcParts } from './codec.js'
import type { RemoteProcedure } from './procedure.js'

interface PendingCall {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

/** A connection to a server's control socket. */
export interface RpcClient {
  /**
   * Calls with the JSON codec. Rejects with RR_RPC_FAILED and the server's text, or when the answer has not the procedure's
   * shape; with RR_NOT_RUNNING when the server has ended; with RR_NOT_ANSWERING when `timeoutMs` passed, without which it
   * waits for as long as it takes.
   */
  call<I, O>(procedure: RemoteProcedure<I, O>, input?: I, timeoutMs?: number): Promise<O>
  /** Resolves when the connection has ended. */
  readonly closed: Promise<void>
  /** Keeps the process running while the connection is open: the initial state. */
  ref(): void
  /** Lets the process end although the connection is open. */
  unref(): void
  close(): void
}

const limits = { payloadBytesMax: rpcBytesMax + 64 * 1024, junkBytesMax: 0 }

/**
 * Connects to `unix://PATH` or `tcp://HOST:PORT`. Rejects with RR_NOT_RUNNING, or RR_NOT_ANSWERING when the connection is not
 * accepted in time.
 */
export async function connectRpc(
  address: string,
  { clock = systemClock, timeoutMs }: { readonly clock?: Clock; readonly timeoutMs?: number } = {},
): Promise<RpcClient> {
  const unix = /^unix:\/\/(.+)$/.exec(address)?.[1]
  const [, host = '', port = '0'] = /^tcp:\/\/(.+):(\d+)$/.exec(address) ?? []
  const socket = unix === undefined ? connect({ host: bareHost(host), port: Number(port) }) : connect(unix)
  try {
    await within(
      { clock, timeoutMs, what: `the connection to ${address} was not accepted` },
      connected(socket),
    )
  } catch (error) {
    socket.destroy()
    throw connectFault(address, error)
  }
  return new Client(socket, clock)
}

function connected(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
  })
}

function connectFault(address: string, error: unknown): RelayError {
  if (error instanceof RelayError) return error
  // The server's backlog is full.
  if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') {
    return new RelayError(ErrorCode.NotAnswering, `${address} takes no connections: too many wait already`)
  }
  return new RelayError(ErrorCode.NotRunning, `no server answers on ${address}: ${messageOf(error)}`, {
    hint: 'Start one with `rr serve`, with the same -c.',
  })
}

class Client implements RpcClient {
  readonly closed: Promise<void>
  readonly #socket: Socket
  readonly #relay: Relay
  readonly #clock: Clock
  readonly #pending = new Map<number, PendingCall>()
  #sequence = 0
  #isClosed = false

  constructor(socket: Socket, clock: Clock) {
    this.#socket = socket
    this.#clock = clock
    this.#relay = socketRelay(socket, limits)
    this.closed = new Promise((resolve) => {
      this.#relay.read({
        junk: () => this.#fail(noRpc('bytes that are not a frame')),
        frame: (frame) => this.#take(frame),
        closed: (fault) => {
          this.#isClosed = true
          resolve()
          this.#fail(fault === undefined ? gone() : noRpc(fault.message))
        },
      })
    })
  }

  async call<I, O>({ name, read }: RemoteProcedure<I, O>, input?: I, timeoutMs?: number): Promise<O> {
    const answer = await this.#request(name, input, timeoutMs)
    try {
      return read(answer)
    } catch (error) {
      const text = `${name} was not answered as expected: ${messageOf(error)}`
      throw new RelayError(ErrorCode.RpcFailed, text, {
        hint: 'The server may be of another version: restart it.',
        cause: error,
      })
    }
  }

  #request(method: string, argument: unknown, timeoutMs: number | undefined): Promise<unknown> {
    if (this.#isClosed) return Promise.reject(gone())
    this.#sequence += 1
    const sequence = this.#sequence
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#pending.set(sequence, { resolve, reject })
      const data = JSON.stringify(argument ?? null)
      this.#relay.send(rpcParts({ sequence, method, codec: FrameFlag.json, isError: false, data }))
    })
    return within({ clock: this.#clock, timeoutMs, what: `${method} was not answered` }, answer)
  }

  ref(): void {
    this.#socket.ref()
  }

  unref(): void {
    this.#socket.unref()
  }

  close(): void {
    this.#relay.close()
  }

  #take(frame: Frame): void {
    const message = readRpc(frame)
    const call = message && this.#pending.get(message.sequence)
    if (message === undefined || call === undefined) return
    this.#pending.delete(message.sequence)
    settle(call, message)
  }

  /** Fails all pending calls with `error` and ends the connection. */
  #fail(error: RelayError): void {
    const calls = [...this.#pending.values()]
    this.#pending.clear()
    for (const call of calls) call.reject(error)
    this.#relay.close()
  }
}

function settle(call: PendingCall, { isError, data }: RpcMessage): void {
  const text = data.toString('utf8')
  if (isError) {
    call.reject(new RelayError(ErrorCode.RpcFailed, text))
    return
  }
  try {
    call.resolve(JSON.parse(text))
  } catch (error) {
    call.reject(new RelayError(ErrorCode.RpcFailed, 'the answer is not JSON', { cause: error }))
  }
}

function noRpc(what: string): RelayError {
  return new RelayError(
    ErrorCode.RpcFailed,
    `the program that answered does not answer in rr's RPC protocol: ${what}`,
  )
}

function gone(): RelayError {
  return new RelayError(ErrorCode.NotRunning, 'the server ended before it answered')
}

interface Limit {
  readonly clock: Clock
  readonly timeoutMs: number | undefined
  readonly what: string
}

/** Returns the result of `work`; rejects with RR_NOT_ANSWERING when it takes longer. */
function within<T>({ clock, timeoutMs, what }: Limit, work: Promise<T>): Promise<T> {
  if (timeoutMs === undefined) return work
  return new Promise<T>((resolve, reject) => {
    const timer = clock.timer(timeoutMs, () =>
      reject(new RelayError(ErrorCode.NotAnswering, `${what} within ${timeoutMs / 1000} s`)),
    )
    work.then(resolve, reject).finally(() => timer.clear())
  })
}
