/**
 * Reads the messages of one connection, one at a time: while a message is with a worker nothing more is read than what the socket had
 * already. Invariant: what is buffered is at most one message and one read beyond it.
 */
import type { Socket } from 'node:net'

/** Bytes that all connections may hold. */
interface BufferRoom {
  left: number
}

/** Reason for which there is no further message. */
export type ReadEnd = 'client' | 'too-long' | 'no-room' | 'closed'

/** Options of a reader. */
export interface ClientReaderOptions {
  readonly delimiter: Buffer
  readonly messageBytesMax: number
  readonly room: BufferRoom
}

const firstBytes = 4096

/** A reader. */
export class ClientReader {
  readonly #socket: Socket
  readonly #options: ClientReaderOptions
  #bytes = Buffer.alloc(0)
  #length = 0
  /** Place before which the delimiter does not begin. */
  #from = 0
  #end: ReadEnd | undefined
  #waiting: ((message: Buffer | ReadEnd) => void) | undefined

  constructor(socket: Socket, options: ClientReaderOptions) {
    this.#socket = socket
    this.#options = options
    socket.pause()
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('end', () => this.end('client'))
    socket.on('close', () => this.end('closed'))
    socket.pause()
  }

  /** Resolves with the next message, its delimiter included, or with the reason why there is none. */
  next(): Promise<Buffer | ReadEnd> {
    return new Promise((resolve) => {
      this.#waiting = resolve
      this.#offer()
    })
  }

  /** Ends a wait, and all later ones once the messages that are there are read. The first reason stays. */
  end(why: ReadEnd): void {
    this.#end ??= why
    this.#offer()
  }

  /** Gives back what is buffered. */
  close(): void {
    this.end('closed')
    this.#options.room.left += this.#bytes.length
    this.#bytes = Buffer.alloc(0)
    this.#length = 0
  }

  #take(chunk: Buffer): void {
    if (this.#end !== undefined && this.#end !== 'client') return
    if (!this.#grow(this.#length + chunk.length)) {
      this.end('no-room')
      return
    }
    chunk.copy(this.#bytes, this.#length)
    this.#length += chunk.length
    this.#offer()
  }

  /** Makes room for `needed` bytes by doubling, so that a client of single bytes costs no copy for each. */
  #grow(needed: number): boolean {
    const { room, messageBytesMax } = this.#options
    if (needed <= this.#bytes.length) return true
    const doubled = Math.min(this.#bytes.length * 2, messageBytesMax)
    const size = Math.max(firstBytes, needed, doubled)
    const more = size - this.#bytes.length
    if (more > room.left) return false
    room.left -= more
    const grown = Buffer.allocUnsafe(size)
    this.#bytes.copy(grown, 0, 0, this.#length)
    this.#bytes = grown
    return true
  }

  #offer(): void {
    if (this.#waiting === undefined) {
      this.#socket.pause()
      return
    }
    const found = this.#found()
    if (found === undefined) this.#socket.resume()
    else {
      const resolve = this.#waiting
      this.#waiting = undefined
      this.#socket.pause()
      resolve(found)
    }
  }

  #found(): Buffer | ReadEnd | undefined {
    const { delimiter, messageBytesMax } = this.#options
    if (this.#end !== undefined && this.#end !== 'client') return this.#end
    const at = this.#bytes.subarray(0, this.#length).indexOf(delimiter, this.#from)
    const length = at === -1 ? this.#length : at + delimiter.length
    if (length > messageBytesMax) {
      this.#end = 'too-long'
      return this.#end
    }
    if (at === -1) {
      this.#from = Math.max(0, this.#length - delimiter.length + 1)
      return this.#end
    }
    const message = Buffer.from(this.#bytes.subarray(0, length))
    this.#bytes.copyWithin(0, length, this.#length)
    this.#length -= length
    this.#from = 0
    if (this.#length === 0) this.#shrink()
    return message
  }

  /** A connection that waits holds no buffer. */
  #shrink(): void {
    this.#options.room.left += this.#bytes.length
    this.#bytes = Buffer.alloc(0)
  }
}
