/** HTTP/2: over TLS beside HTTP/1.1, and in plain text for clients that begin with it (h2c). */
import type { IncomingMessage, Server as PlainServer, ServerResponse } from 'node:http'
import type { SecureServerOptions } from 'node:http2'
import { createSecureServer, createServer, type ServerHttp2Session } from 'node:http2'
import type { Socket } from 'node:net'

/** A handler of requests of any version. */
export type AnyHandler = (request: IncomingMessage, response: ServerResponse) => void

/** Options of HTTP/2. */
export interface Http2Options {
  readonly streamsMax: number
  readonly idleMs: number
}

/** Sessions of a server, which end in order. */
export class Sessions {
  readonly #sessions = new Set<ServerHttp2Session>()

  /** Follows a session to its end; one that is idle for long is closed. */
  add(session: ServerHttp2Session, idleMs: number): void {
    this.#sessions.add(session)
    session.once('close', () => this.#sessions.delete(session))
    session.setTimeout(idleMs, () => session.close())
    session.on('error', () => undefined)
  }

  /** Lets running requests end and takes no new ones. */
  close(): void {
    for (const session of this.#sessions) session.close()
  }

  /** Ends all now. */
  destroy(): void {
    for (const session of this.#sessions) session.destroy()
  }
}

/** Makes a server of TLS that speaks HTTP/2 and HTTP/1.1. Its type is that of node:http, whose events and answers it has. */
export function secureServer(
  options: SecureServerOptions,
  http2: Http2Options,
  sessions: Sessions,
): PlainServer {
  const server = createSecureServer({
    ...options,
    allowHTTP1: true,
    settings: { maxConcurrentStreams: http2.streamsMax },
  })
  server.on('session', (session) => sessions.add(session, http2.idleMs))
  return server as unknown as PlainServer
}

/** Makes what takes connections of h2c. */
export function h2cTaker(
  handle: AnyHandler,
  http2: Http2Options,
  sessions: Sessions,
): (socket: Socket) => void {
  const server = createServer({ settings: { maxConcurrentStreams: http2.streamsMax } })
  server.on('session', (session) => sessions.add(session, http2.idleMs))
  server.on('request', (request, response) =>
    handle(request as unknown as IncomingMessage, response as unknown as ServerResponse),
  )
  return (socket) => void server.emit('connection', socket)
}
