/**
 * Carries the output of a thread to the server: messages on the relay's port, so that the order to its answers is kept, and a shared
 * count of bytes that were sent and not yet read. A thread that is ahead by as much as a pipe holds waits, as a process does at a full
 * pipe; memory and the server's turns stay bounded. For both ends.
 */
import { Readable } from 'node:stream'
import type { MessagePort } from 'node:worker_threads'

/** Bytes that a thread printed. */
export interface ThreadOutput {
  readonly output: 'stdout' | 'stderr'
  readonly bytes: Uint8Array
}

/** Bytes that were sent and not yet read, in a place that both ends share. */
export type UnreadBytes = Int32Array<SharedArrayBuffer>

// Linux's pipes hold as much.
const unreadBytesMax = 64 * 1024
const pieceBytesMax = 16 * 1024
// The server holds output back for half a second at most; one that reads nothing for longer does not come back to it soon.
const waitMsMax = 5000
// After the end no output is read, so a thread does not wait for that either.
const endedBytes = -(2 ** 31)

/** A count that starts at nothing. */
export function unreadBytes(): UnreadBytes {
  return new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
}

/** In a thread: sends what it prints, and blocks the thread while the server is behind. */
export class OutputSender {
  readonly #port: MessagePort
  readonly #unread: UnreadBytes
  #droppedBytes = 0

  constructor(port: MessagePort, unread: UnreadBytes) {
    this.#port = port
    this.#unread = unread
  }

  /** Sends a copy of `bytes`; drops what the server does not take within five seconds, and says so when it takes more. */
  send(output: ThreadOutput['output'], bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += pieceBytesMax) {
      const piece = bytes.slice(at, at + pieceBytesMax)
      if (!this.#waitsForRoom()) this.#droppedBytes += piece.length
      else {
        if (this.#droppedBytes > 0) this.#tellDropped(output)
        this.#post(output, piece)
      }
    }
  }

  #tellDropped(output: ThreadOutput['output']): void {
    const text = `\n${this.#droppedBytes} bytes of this thread's output were dropped: the server did not read them\n`
    this.#droppedBytes = 0
    this.#post(output, new Uint8Array(Buffer.from(text)))
  }

  #post(output: ThreadOutput['output'], bytes: Uint8Array): void {
    Atomics.add(this.#unread, 0, bytes.length)
    this.#port.postMessage({ output, bytes })
  }

  #waitsForRoom(): boolean {
    for (;;) {
      const unread = Atomics.load(this.#unread, 0)
      if (unread < unreadBytesMax) return true
      // What was dropped once is not waited for again until there is room.
      const limitMs = this.#droppedBytes > 0 ? 0 : waitMsMax
      if (Atomics.wait(this.#unread, 0, unread, limitMs) === 'timed-out') return false
    }
  }
}

/** In the server: the output of a thread as a stream for each of its two, which count what was read of them. */
export class OutputReceiver {
  readonly stdout: Readable
  readonly stderr: Readable
  readonly #unread: UnreadBytes

  constructor(unread: UnreadBytes) {
    this.#unread = unread
    this.stdout = this.#stream()
    this.stderr = this.#stream()
  }

  /** Takes what the port brought. */
  take({ output, bytes }: ThreadOutput): void {
    this[output].push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))
  }

  /** Takes text about the thread that it did not print itself. */
  add(text: string): void {
    const bytes = Buffer.from(text)
    Atomics.add(this.#unread, 0, bytes.length)
    this.stderr.push(bytes)
  }

  /** Ends both streams, and releases a thread that waits. */
  end(): void {
    Atomics.store(this.#unread, 0, endedBytes)
    Atomics.notify(this.#unread, 0)
    this.stdout.push(null)
    this.stderr.push(null)
  }

  #stream(): Readable {
    // Bytes come by `push` as the port brings them.
    const stream = new Readable({ read() {} })
    stream.on('data', (chunk: Buffer) => {
      Atomics.sub(this.#unread, 0, chunk.length)
      Atomics.notify(this.#unread, 0)
    })
    return stream
  }
}
