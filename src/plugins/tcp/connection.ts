/** One client: its events go to workers one after the other, and each answer says how it goes on. */
import type { Socket } from 'node:net'
import { type Clock, Codec, type Logger, messageOf, type Pool } from '../../index.js'
import type { ClientReader, ReadEnd } from './client-reader.js'

/** Options of a connection. */
export interface TcpConnectionOptions {
  readonly socket: Socket
  readonly reader: ClientReader
  readonly uuid: string
  readonly server: string
  readonly pool: Pool
  readonly clock: Clock
  readonly log: Logger
  readonly idleMs: number
  readonly writeMs: number
}

type Event = 'CONNECTED' | 'DATA' | 'CLOSE'

/** Answers of workers; any other one closes. */
const Deed = { goOn: 'CONTINUE', write: 'WRITE', writeAndClose: 'WRITECLOSE' } as const

const noBody = Buffer.alloc(0)
/** Longest wait for a client that was told that nothing more comes. */
const lingerMs = 1000

/** A connection. */
export class TcpConnection {
  readonly #options: TcpConnectionOptions
  readonly #remote: string
  readonly #gone = new AbortController()
  #isClosing = false

  constructor(options: TcpConnectionOptions) {
    this.#options = options
    const { socket } = options
    this.#remote = remoteOf(socket)
    socket.on('error', (error) =>
      options.log.debug({ uuid: options.uuid, error: messageOf(error) }, 'a connection broke'),
    )
    socket.on('close', () => this.#gone.abort())
  }

  /** Resolves when the client and its last event are over. Never rejects. */
  async run(): Promise<void> {
    const { reader, socket } = this.#options
    let isKnown = false
    try {
      let goesOn = await this.#tell('CONNECTED', noBody)
      isKnown = true
      while (goesOn && !this.#isClosing) {
        const message = await this.#next()
        if (typeof message === 'string') {
          this.#logEnd(message)
          break
        }
        goesOn = await this.#tell('DATA', message)
      }
    } catch (error) {
      this.#logFault(error)
    }
    reader.close()
    await this.#closed()
    socket.destroy()
    // The worker may have kept something for this client.
    if (isKnown) await this.#send('CLOSE', noBody).catch((error: unknown) => this.#logFault(error))
  }

  /** Closes after the event that runs; a client that waits is closed at once. */
  close(): void {
    this.#isClosing = true
    this.#options.reader.end('closed')
  }

  /** Ends it at once. */
  destroy(): void {
    this.close()
    this.#options.socket.destroy()
  }

  async #next(): Promise<Buffer | ReadEnd> {
    const { reader, clock, idleMs } = this.#options
    const timer = idleMs === 0 ? undefined : clock.timer(idleMs, () => reader.end('closed'))
    try {
      return await reader.next()
    } finally {
      timer?.clear()
    }
  }

  /** Sends an event and does what the answer says; false: it closes. */
  async #tell(event: Event, body: Buffer): Promise<boolean> {
    const { context, body: answer } = await this.#send(event, body, this.#gone.signal)
    switch (Buffer.from(context).toString()) {
      case Deed.goOn:
        return true
      case Deed.write:
        await this.#write(answer)
        return !this.#options.socket.destroyed
      case Deed.writeAndClose:
        await this.#write(answer)
        return false
      default:
        return false
    }
  }

  /** A client that has gone gives up its place in line; a worker that runs is not ended for it. */
  async #send(event: Event, body: Buffer, signal?: AbortSignal) {
    const { pool, server, uuid } = this.#options
    const lease = await pool.acquire(signal === undefined ? {} : { signal })
    try {
      const context = JSON.stringify({ remote_addr: this.#remote, server, uuid, event })
      return await lease.run({ context, body, codec: Codec.json, id: `${uuid}-${event}`, name: server })
    } finally {
      lease.release()
    }
  }

  /** Resolves when the system has taken all of it, or the client has gone: until then nothing more is read. */
  async #write(bytes: Uint8Array): Promise<void> {
    const { socket } = this.#options
    if (bytes.length === 0 || !socket.writable) return
    if (socket.write(bytes)) return
    await this.#within((resolve) => {
      socket.once('drain', resolve).once('close', resolve)
    })
  }

  /**
   * Sends what is written, says that nothing more comes, and gives the client a moment to close: one that is closed with something unread in
   * its socket would lose the answer.
   */
  async #closed(): Promise<void> {
    const { socket, clock } = this.#options
    if (socket.destroyed) return
    await this.#within((resolve) => {
      socket.once('close', resolve)
      socket.end(resolve)
    })
    if (socket.destroyed) return
    socket.resume()
    await new Promise<void>((resolve) => {
      const timer = clock.timer(lingerMs, resolve)
      socket.once('close', () => {
        timer.clear()
        resolve()
      })
    })
  }

  #within(begin: (resolve: () => void) => void): Promise<void> {
    const { clock, writeMs, socket, log, uuid, server } = this.#options
    return new Promise((resolve) => {
      const timer = clock.timer(writeMs, () => {
        log.warn({ server, uuid, remote: this.#remote, ms: writeMs }, 'a client does not read; it is closed')
        socket.destroy()
        resolve()
      })
      begin(() => {
        timer.clear()
        resolve()
      })
    })
  }

  #logEnd(why: ReadEnd): void {
    const { log, server, uuid } = this.#options
    if (why === 'too-long' || why === 'no-room')
      log.warn(
        { server, uuid, remote: this.#remote },
        why === 'too-long'
          ? 'a message is longer than tcp.read_buf_size; its client is closed'
          : 'tcp.limits.buffered is reached; a client is closed',
      )
  }

  #logFault(error: unknown): void {
    const { log, server, uuid } = this.#options
    const fields = { server, uuid, remote: this.#remote, error: messageOf(error) }
    if (this.#gone.signal.aborted) log.debug(fields, 'an event of a client that has gone was given up')
    else log.warn(fields, 'an event failed; its client is closed')
  }
}

/** `HOST:PORT` as Go writes it. */
function remoteOf({ remoteAddress = '', remotePort = 0 }: Socket): string {
  const host = remoteAddress.replace(/^::ffff:/, '')
  return `${host.includes(':') ? `[${host}]` : host}:${remotePort}`
}
