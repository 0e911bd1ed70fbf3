/**
 * The emulator's connections: their maximum number, which one is closed for a new one, and how long each may be silent.
 * Their number follows from the descriptors that the process may hold, so that workers, log and control socket always have
 * theirs.
 *
 * Idle connections are closed, the oldest first, where a new one needs the place; but not those of runtimes, which are
 * silent while an event runs. At most half of the places are busy with callers and a quarter with runtimes, so that neither
 * keeps the other out.
 */
import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock, Logger, Timer } from '../../../index.js'
import type { ApiStatus } from '../function/invocation.js'
import { bodyOf } from './exchange.js'

/** Times in ms; 0 is without a limit. */
export interface SilenceLimits {
  /** Limit from the first byte of a request, or from the connect, to the end of its head. */
  readonly headMs: number
  /** Limit without a further byte of a body. An answer to an event may be slower: the event's time-out ends it. */
  readonly bodyMs: number
  /** Limit from the head to the end of a body. */
  readonly wholeBodyMs: number
  /** Limit in which the reader takes no byte of an answer that is ready. */
  readonly answerMs: number
  /** Limit between two requests. */
  readonly keptMs: number
}

/** Default limits. */
export const silenceLimits: SilenceLimits = {
  headMs: 10_000,
  bodyMs: 10_000,
  wholeBodyMs: 120_000,
  answerMs: 30_000,
  keptMs: 60_000,
}

const connectionsCeiling = 2048
const connectionsFloor = 16
/** Requests of one connection at once; clients that pipeline send two. */
const pipelinedMax = 16
const tellAgainMs = 10_000
/** A body of so few bytes may arrive slowly. */
const quickBytes = 64 * 1024

/** Returns the number of connections for a process with this limit of descriptors: a third of it. */
export function connectionsFor(descriptors: number): number {
  return Math.max(connectionsFloor, Math.min(connectionsCeiling, Math.floor(descriptors / 3)))
}

/** Sender of a request: a runtime or an extension (`poll` waits for events, `answer` ends one), or an invoking caller. */
export type RequestKind = 'poll' | 'answer' | 'runtime' | 'caller'

/** The kind of a request, by its path. */
export function kindOf(path: string): RequestKind {
  if (!/^\/(2018-06-01|2020-01-01)\//.test(path)) return 'caller'
  if (/\/(invocation|restore|event)\/next$/.test(path)) return 'poll'
  return /\/invocation\/[^/]+\/(response|error)$/.test(path) ? 'answer' : 'runtime'
}

/** Options of the connections. */
export interface ConnectionsOptions {
  readonly connectionsMax: number
  readonly silence: SilenceLimits
  readonly clock: Clock
  readonly log: Logger
}

/** Request that is being handled. */
export interface Call {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly kind: RequestKind
}

interface Connection {
  readonly socket: Socket
  /** Requests that are not over, with what was counted for each. */
  readonly open: Set<() => void>
  /** True once it has asked for an event: it is then silent while the event runs. */
  isRuntime: boolean
  /** The request whose body is on its way. */
  reading: { readonly request: IncomingMessage; readonly response: ServerResponse } | undefined
}

const tooMany: ApiStatus = {
  status: 503,
  errorType: 'TooManyConnections',
  errorMessage: 'the emulator has reached its limit of concurrent requests',
}
/** Answer to a request that arrived too slowly. */
export const tooSlow: ApiStatus = {
  status: 408,
  errorType: 'RequestTimeout',
  errorMessage: 'the request was not complete in time',
}

/** Connections of one server. */
export class Connections {
  readonly #options: ConnectionsOptions
  readonly #all = new Map<Socket, Connection>()
  /** Connections that may be closed for a new one, the one that has been idle longest first. */
  readonly #idle = new Set<Connection>()
  readonly #busy = { runtime: 0, caller: 0 }
  #runtimeCount = 0
  #toldAt = Number.NEGATIVE_INFINITY

  constructor(options: ConnectionsOptions) {
    this.#options = options
  }

  /** Begins to limit the connections of a server. */
  watch(server: Server): void {
    server.headersTimeout = this.#options.silence.headMs
    // `/next` waits for as long as it takes, and silence between requests is looked at here.
    server.requestTimeout = 0
    server.keepAliveTimeout = 0
    server.on('connection', (socket) => this.#add(socket))
    server.on('timeout', (socket) => this.#fallenSilent(socket))
  }

  /**
   * Counts a request; `onOver` runs once when it was answered or its connection was lost. Returns a status when it must be
   * refused.
   */
  begin(call: Call, onOver: () => void): ApiStatus | undefined {
    const { request, kind } = call
    const connection = this.#all.get(request.socket)
    if (connection === undefined) return tooMany
    if (connection.open.size >= pipelinedMax) {
      // Answers go out in order: this one could not be told so before all others were.
      request.socket.destroy()
      return tooMany
    }
    this.#idle.delete(connection)
    const side = kind === 'caller' ? 'caller' : 'runtime'
    const isFull = this.#busy[side] >= this.#busyMax(side) && !connection.isRuntime
    this.#busy[side] += 1
    const over = () => {
      if (!connection.open.delete(over)) return
      this.#busy[side] -= 1
      onOver()
    }
    connection.open.add(over)
    this.#protect(connection, kind)
    this.#follow(connection, call, over)
    if (!isFull) return undefined
    this.#tell({ side, busy: this.#busy[side] - 1 }, 'too many requests at the emulator, one was refused')
    return tooMany
  }

  #busyMax(side: 'runtime' | 'caller'): number {
    return Math.ceil(this.#options.connectionsMax / (side === 'caller' ? 2 : 4))
  }

  #add(socket: Socket): void {
    const { connectionsMax } = this.#options
    if (this.#all.size >= connectionsMax && !this.#makeRoom()) {
      this.#tell({ connections: this.#all.size }, 'too many connections to the emulator, one was refused')
      socket.end(rawAnswer(tooMany), () => socket.destroy())
      return
    }
    const connection: Connection = { socket, open: new Set(), isRuntime: false, reading: undefined }
    this.#all.set(socket, connection)
    this.#idle.add(connection)
    socket.once('close', () => this.#gone(connection))
  }

  /** Closes the connection that has been idle for longest. */
  #makeRoom(): boolean {
    for (const connection of this.#idle) {
      this.#tell(
        { connections: this.#all.size },
        'too many connections to the emulator, idle ones are closed',
      )
      this.#gone(connection)
      connection.socket.destroy()
      return true
    }
    return false
  }

  #gone(connection: Connection): void {
    if (!this.#all.delete(connection.socket)) return
    this.#idle.delete(connection)
    if (connection.isRuntime) this.#runtimeCount -= 1
    for (const over of connection.open) over()
  }

  /**
   * Protects the connection of a runtime from being closed, up to a quarter of the places: any client may claim to be a
   * runtime.
   */
  #protect(connection: Connection, kind: RequestKind): void {
    if (kind !== 'poll' || connection.isRuntime || this.#runtimeCount >= this.#busyMax('runtime')) return
    connection.isRuntime = true
    this.#runtimeCount += 1
  }

  #follow(connection: Connection, { request, response, kind }: Call, over: () => void): void {
    const { socket } = connection
    const { answerMs } = this.#options.silence
    const timer = this.#limitBody(connection, { request, response, kind })
    request.once('end', () => {
      timer?.clear()
      if (connection.reading?.request === request) connection.reading = undefined
      if (connection.open.size === 0) this.#rest(connection)
      else if (!response.writableEnded) socket.setTimeout(0)
    })
    request.once('close', () => timer?.clear())
    response.once('prefinish', () => socket.setTimeout(answerMs))
    response.once('finish', () => {
      over()
      if (connection.open.size > 0) socket.setTimeout(0)
      else this.#rest(connection)
    })
    response.once('close', over)
  }

  #limitBody(connection: Connection, { request, response, kind }: Call): Timer | undefined {
    const { socket } = connection
    const { silence, clock } = this.#options
    const isLimited = hasBody(request) && kind !== 'answer'
    if (hasBody(request)) connection.reading = { request, response }
    socket.setTimeout(isLimited ? silence.bodyMs : 0)
    if (!isLimited || Number(request.headers['content-length'] ?? Infinity) <= quickBytes) return undefined
    return clock.timer(silence.wholeBodyMs, () => this.#fallenSilent(socket), { unref: true })
  }

  /** Marks a connection as idle; the rest of an unwanted body may still arrive. */
  #rest(connection: Connection): void {
    const { socket, isRuntime, reading } = connection
    if (!this.#all.has(socket)) return
    const { bodyMs, keptMs } = this.#options.silence
    if (!isRuntime) this.#idle.add(connection)
    socket.setTimeout(reading !== undefined ? bodyMs : isRuntime ? 0 : keptMs)
  }

  #fallenSilent(socket: Socket): void {
    const { request, response } = this.#all.get(socket)?.reading ?? {}
    if (request === undefined || response === undefined || response.headersSent) {
      socket.destroy()
      return
    }
    // The request has arrived whole and is not read further: the answer takes its time.
    if (request.complete) return
    response.writeHead(tooSlow.status, { 'Content-Type': 'application/json', Connection: 'close' })
    response.end(bodyOf(tooSlow), () => socket.destroy())
  }

  #tell(fields: Readonly<Record<string, unknown>>, message: string): void {
    const { clock, log, connectionsMax } = this.#options
    const nowMs = clock.monotonicMs()
    if (nowMs - this.#toldAt < tellAgainMs) return
    this.#toldAt = nowMs
    log.warn({ ...fields, connectionsMax }, message)
  }
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

/** Makes a complete answer for a connection whose request is not read. */
export function rawAnswer(status: ApiStatus): string {
  const body = bodyOf(status)
  const head = [
    `HTTP/1.1 ${status.status} ${STATUS_CODES[status.status] ?? 'Refused'}`,
    'Content-Type: application/json',
    ...(status.status === 503 ? ['Retry-After: 1'] : []),
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ]
  return `${head.join('\r\n')}\r\n\r\n${body}`
}
