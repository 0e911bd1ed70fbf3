/** Starts the plugin: its listeners, the connections of all of them, and their end. */
import { randomUUID } from 'node:crypto'
import { createServer, type Socket } from 'node:net'
import {
  type Announcement,
  type Clock,
  type Logger,
  listen,
  onAbort,
  type PluginLife,
  type Pool,
} from '../../index.js'
import { ClientReader } from './client-reader.js'
import { TcpConnection } from './connection.js'
import type { TcpConfig } from './section.js'

/** Services and settings of the plugin. */
export interface TcpOptions {
  readonly settings: TcpConfig
  readonly pool: Pool
  readonly clock: Clock
  readonly log: Logger
  readonly announce: (place: Announcement) => void
}

/** A started plugin. */
export interface RunningTcp {
  readonly life: PluginLife
  /** Closes a connection; one that is not there is closed already. */
  close(uuid: string): void
}

const bytesPerMb = 1024 * 1024

/** Begins to listen. Rejects when an address cannot be listened on. */
export async function startTcp({ settings, pool, clock, log, announce }: TcpOptions): Promise<RunningTcp> {
  const { servers, limits, read_buf_size: messageMb } = settings
  const stopping = new AbortController()
  const connections = new Map<string, { readonly connection: TcpConnection; readonly over: Promise<void> }>()
  const room = { left: limits.buffered }
  let isFull = false

  const take = (server: string, delimiter: Buffer, socket: Socket) => {
    if (connections.size >= limits.connections || stopping.signal.aborted) {
      socket.destroy()
      if (!isFull && !stopping.signal.aborted)
        log.warn(
          { server, connections: connections.size },
          'tcp.limits.connections is reached; clients are closed',
        )
      isFull = true
      return
    }
    isFull = false
    const uuid = randomUUID()
    const reader = new ClientReader(socket, { delimiter, messageBytesMax: messageMb * bytesPerMb, room })
    const connection = new TcpConnection({
      ...{ socket, reader, uuid, server, pool, clock, log },
      idleMs: limits.idle_timeout,
      writeMs: limits.write_timeout,
    })
    const over = connection.run().finally(() => connections.delete(uuid))
    connections.set(uuid, { connection, over })
  }

  for (const [name, { addr, delimiter }] of Object.entries(servers)) {
    const end = Buffer.from(delimiter)
    // A client that has sent all may still wait for its answer.
    const server = createServer(
      { allowHalfOpen: true, keepAlive: true, noDelay: true, pauseOnConnect: true },
      (socket) => take(name, end, socket),
    )
    const where = await listen(server, addr, stopping.signal).catch((error: unknown) => {
      stopping.abort()
      throw error
    })
    announce({ what: 'tcp', where: where.startsWith('unix:') ? where : `tcp://${where}` })
  }
  return {
    close: (uuid) => connections.get(uuid)?.connection.close(),
    life: {
      stopTaking: () => {
        stopping.abort()
        for (const { connection } of connections.values()) connection.close()
      },
      async drain(signal) {
        const forget = onAbort(signal, () => {
          for (const { connection } of connections.values()) connection.destroy()
        })
        await Promise.all([...connections.values()].map(({ over }) => over))
        forget()
      },
    },
  }
}
