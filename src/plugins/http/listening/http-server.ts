/** The server of HTTP/1.1: node:http with limits that hold by default, and an end that waits for what runs. */
import { createServer, type Server } from 'node:http'
import type { Socket } from 'node:net'
import type { SecureContextOptions, TlsOptions } from 'node:tls'
import { descriptorsMax } from '../../../index.js'
import type { HttpConfig } from '../section.js'
import { type Sessions, secureServer } from './http2.js'

/** Limits of the section. */
export type ServerLimits = HttpConfig['limits']

/** A server of requests. */
export interface HttpListener {
  readonly server: Server
  /** Closes connections without a request; those with one end with their answer. Resolves when all have ended. */
  close(): Promise<void>
  /** Closes all connections now. */
  destroy(): void
}

/** Descriptors that the server needs beside connections: workers, logs, files. */
const otherDescriptors = 256
const connectionsMax = 10_000
/** Interval at which node:http looks for requests that take too long. */
const checkEveryMs = 1000

/** Options of `node:http` and `node:https` for these limits. */
function serverOptions(limits: ServerLimits) {
  return {
    maxHeaderSize: limits.head_size,
    headersTimeout: limits.head_timeout,
    requestTimeout: Math.max(limits.request_timeout, limits.head_timeout),
    keepAliveTimeout: limits.idle_timeout,
    connectionsCheckingInterval: checkEveryMs,
    noDelay: true,
  }
}

/** Holds a server to the limits that its options do not know. */
function limitServer(server: Server, limits: ServerLimits): void {
  server.maxConnections = limits.connections === 0 ? connectionsFor(descriptorsMax()) : limits.connections
  // RoadRunner's workers say how many headers they take, and Go's limit is that of bytes.
  server.maxHeadersCount = 1000
  const running = new WeakMap<Socket, number>()
  const count = (socket: Socket, by: number) => running.set(socket, (running.get(socket) ?? 0) + by)
  server.on('request', ({ socket }, response) => {
    count(socket, 1)
    response.once('close', () => count(socket, -1))
  })
  server.setTimeout(limits.write_timeout, (socket: Socket) => {
    // A client that waits for its answer is silent, too; one that takes nothing of it costs memory.
    if ((running.get(socket) ?? 0) === 0 || socket.writableLength > 0) socket.destroy()
  })
}

/** Makes the server of plain HTTP. */
export function httpServer(limits: ServerLimits): Server {
  const server = createServer(serverOptions(limits))
  limitServer(server, limits)
  return server
}

/** Makes the server of HTTP/1.1 and HTTP/2 over TLS. */
export function tlsServer(
  limits: ServerLimits,
  tls: SecureContextOptions & TlsOptions,
  http2: { readonly streamsMax: number; readonly sessions: Sessions },
): Server {
  const { streamsMax, sessions } = http2
  const options = { ...serverOptions(limits), ...tls }
  const server = secureServer(options, { streamsMax, idleMs: limits.idle_timeout }, sessions)
  server.maxConnections = limits.connections === 0 ? connectionsFor(descriptorsMax()) : limits.connections
  server.headersTimeout = limits.head_timeout
  server.requestTimeout = Math.max(limits.request_timeout, limits.head_timeout)
  server.keepAliveTimeout = limits.idle_timeout
  return server
}

/** Follows the connections of a server, for its end. `sessions` are those of HTTP/2. */
export function listenerOf(server: Server, sessions: Sessions): HttpListener {
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  return {
    server,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        sessions.close()
        // A server of HTTP/2 has no such method.
        if ('closeIdleConnections' in server) server.closeIdleConnections()
      }),
    destroy: () => {
      sessions.destroy()
      for (const socket of sockets) socket.destroy()
    },
  }
}

function connectionsFor(descriptors: number): number {
  return Math.max(64, Math.min(connectionsMax, descriptors - otherDescriptors))
}
