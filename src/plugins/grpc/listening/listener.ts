/** Listens for connections of HTTP/2, in plain text or over TLS, and hands their streams on. */
import {
  createSecureServer,
  createServer,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import { type TLSSocket, Server as TlsServer } from 'node:tls'
import { type Announcement, type Clock, type Logger, listen } from '../../../index.js'
import { clientRules, isWelcome, readTls, renewTls, type TlsKeys } from '../../../work/http/index.js'
import type { GrpcConfig } from '../section.js'
import type { TakeStream } from '../serving/call-router.js'
import { GrpcConnection } from './connection.js'

/** Parts of the listener. */
export interface GrpcListenerOptions {
  readonly settings: GrpcConfig
  readonly take: TakeStream
  readonly stopping: AbortSignal
  readonly clock: Clock
  readonly log: Logger
  readonly announce: (place: Announcement) => void
  readonly defer: (undo: () => unknown) => void
}

/** An open listener. */
export interface GrpcListener {
  /** Tells clients to go elsewhere; resolves when all calls, and with them the connections, have ended. */
  close(): Promise<void>
}

/** Bytes that a client may send ahead in one call. */
const windowBytes = 1024 * 1024

/** Listens. Rejects when the address cannot be had, or a certificate cannot be read. */
export async function openGrpc(options: GrpcListenerOptions): Promise<GrpcListener> {
  const { settings, take, stopping, clock, announce, defer } = options
  const server = await serverOf(options)
  server.maxConnections = settings.limits.connections
  const connections = new Map<ServerHttp2Session, GrpcConnection>()
  const limits = {
    idleMs: settings.max_connection_idle,
    ageMs: settings.max_connection_age,
    graceMs: settings.max_connection_age_grace,
    pingMs: settings.ping_time,
    pongMs: settings.timeout,
  }
  server.on('session', (session) => {
    connections.set(session, new GrpcConnection(session, limits, clock))
    session.once('close', () => connections.delete(session))
  })
  server.on('stream', (...[stream, headers, , raw]: StreamEvent) => {
    const { session } = stream
    if (session !== undefined) connections.get(session as ServerHttp2Session)?.begin(stream)
    take(stream, headers, raw)
  })
  const bound = await listen(server, settings.listen, stopping)
  defer(() => {
    for (const connection of connections.values()) connection.destroy()
  })
  const scheme = settings.tls === undefined ? 'grpc' : 'grpcs'
  announce({ what: 'grpc', where: bound.startsWith('unix:') ? bound : `${scheme}://${shown(bound)}` })
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const connection of connections.values()) connection.close()
      }),
  }
}

type StreamEvent = [
  stream: ServerHttp2Stream,
  headers: Parameters<TakeStream>[1],
  flags: number,
  raw: readonly string[],
]

async function serverOf({ settings, clock, log, defer }: GrpcListenerOptions): Promise<Http2Server> {
  const options = {
    settings: {
      maxConcurrentStreams: settings.max_concurrent_streams,
      maxHeaderListSize: settings.limits.head_size,
      initialWindowSize: windowBytes,
      enablePush: false,
    },
  }
  if (settings.tls === undefined) return createServer(options)
  const keys: TlsKeys = { ...settings.tls, section: 'grpc.tls' }
  const server = createSecureServer({ ...options, ...(await readTls(keys)), ...clientRules(keys) })
  server.prependListener('secureConnection', (socket: TLSSocket) => {
    if (!isWelcome(keys, socket)) socket.destroy()
  })
  if (server instanceof TlsServer) defer(renewTls(server, keys, { clock, log }))
  return server
}

/** `:9001` is every interface. */
function shown(address: string): string {
  return address.startsWith(':') ? `0.0.0.0${address}` : address
}
