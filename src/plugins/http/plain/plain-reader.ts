/**
 * Puts the reader of plain requests in front of a server of node:http: it takes the server's new connections, and hands over those with other
 * requests. One timer holds all connections to the limits of time, so that a request costs none of its own.
 */
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock } from '../../../index.js'
import type { HttpConfig } from '../section.js'
import { PlainConnection } from './plain-connection.js'
import type { PlainParts } from './plain-parts.js'

/** Options of a reader. */
export interface PlainReaderOptions {
  readonly server: Server
  /** Event of the server that brings connections: `secureConnection` under TLS. */
  readonly event: 'connection' | 'secureConnection'
  readonly limits: HttpConfig['limits']
  readonly clock: Clock
  readonly parts: PlainParts
  /** Takes connections of HTTP/2 in plain text; undefined: node:http refuses them. */
  readonly takeHttp2?: ((socket: Socket) => void) | undefined
  /** Address of a client as workers are told it. */
  readonly addressOf: (socket: Socket) => string
}

/** A reader. */
export interface PlainReader {
  /** Ends its connections: idle ones at once, others with their answer. */
  stop(): void
}

const tickMs = 1000

/** Takes the server's connections from now on. */
export function readPlain(options: PlainReaderOptions): PlainReader {
  const { server, event, clock, parts, addressOf, takeHttp2 } = options
  const { head_timeout, idle_timeout, request_timeout, write_timeout } = options.limits
  const own = server.listeners(event)
  server.removeAllListeners(event)
  const connections = new Set<PlainConnection>()
  let tick = 0
  let isTimed = false
  const limitsMs = { new: head_timeout, head: head_timeout, body: request_timeout, idle: idle_timeout }
  const sweep = () => {
    tick += 1
    for (const connection of connections) {
      const { phase, sinceTick } = connection
      if (phase === 'running' || (tick - sinceTick) * tickMs <= limitsMs[phase]) continue
      if (phase === 'idle') connection.destroy()
      else connection.refuseSlow()
    }
    isTimed = connections.size > 0
    if (isTimed) clock.timer(tickMs, sweep)
  }
  // A client that waits for its answer is silent, too; one that takes nothing of it costs memory.
  const onSilence = function (this: Socket) {
    if (this.writableLength > 0 || this.writableEnded) this.destroy()
  }
  const all = {
    ...parts,
    tick: () => tick,
    onGone: (connection: PlainConnection) => void connections.delete(connection),
    handOver(socket: Socket, isHttp2: boolean) {
      socket.setTimeout(0)
      socket.off('timeout', onSilence)
      if (isHttp2 && takeHttp2 !== undefined) {
        // It reads what was put back by itself, and node:http by events.
        socket.pause()
        takeHttp2(socket)
      } else for (const listener of own) listener.call(server, socket)
    },
  }
  server.on(event, (socket: Socket) => {
    if ('alpnProtocol' in socket && socket.alpnProtocol === 'h2') {
      for (const listener of own) listener.call(server, socket)
      return
    }
    socket.setTimeout(write_timeout)
    socket.on('timeout', onSilence)
    const facts = { remoteAddr: addressOf(socket), isSecure: event === 'secureConnection' }
    connections.add(new PlainConnection(socket, facts, all))
    if (isTimed) return
    isTimed = true
    clock.timer(tickMs, sweep)
  })
  return {
    stop() {
      for (const connection of connections) connection.stop()
    },
  }
}
