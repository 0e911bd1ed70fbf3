/** The server of HTTP/1.1: node:http with limits that hold by default, and an end that waits for what runs. */
import { createServer, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { descriptorsMax } from '../../../index.js'
import type { HttpConfig } from '../section.js'

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

/** Makes the server. */
export function httpListener(limits: ServerLimits): HttpListener {
  const server = createServer(serverOptions(limits))
  limitServer(server, limits)
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
        server.closeIdleConnections()
      }),
    destroy: () => {
      for (const socket of sockets) socket.destroy()
    },
  }
}

function connectionsFor(descriptors: number): number {
  return Math.max(64, Math.min(connectionsMax, descriptors - otherDescriptors))
}
