/**
 * Relay of a worker that is a thread: Goridge bytes over a `MessagePort`, and its output on the same port, so that the order is kept.
 * Holds both ends, for the server and for the thread.
 */
import { Duplex } from 'node:stream'
import type { MessagePort } from 'node:worker_threads'
import type { ThreadOutput, UnreadBytes } from './thread-output.js'

/** Start data of a thread. */
export interface ThreadStart {
  readonly port: MessagePort
  /** The module's file. */
  readonly program: string
  /** Shared; the thread writes, the server reads: the bytes that its JavaScript holds, and 1 once it ends by itself. */
  readonly facts: Float64Array
  readonly unread: UnreadBytes
}

/** Callbacks of a port stream. */
export interface PortStreamOptions {
  readonly onOutput?: (output: ThreadOutput) => void
  /** Called before bytes leave. */
  readonly onWrite?: () => void
}

// Two copies of this package may meet in a thread (the server's and the user's own): they agree by these names.
const streamKey = Symbol.for('relayrunner.thread.stream')
const takenKey = Symbol.for('relayrunner.relay.taken')

/** A port as a stream of bytes. Ending it ends both directions, after the other end has read what was written. */
export function portStream(port: MessagePort, { onOutput, onWrite }: PortStreamOptions = {}): Duplex {
  const stream = new Duplex({
    // Bytes come by `push` as the port brings them.
    read() {},
    write(chunk: Buffer, _encoding, done) {
      onWrite?.()
      // A copy of its own: sending a view would send all of the buffer that it is a view of.
      const bytes = new Uint8Array(chunk)
      port.postMessage(bytes, [bytes.buffer])
      done()
    },
    final(done) {
      port.close()
      done()
    },
    destroy(error, done) {
      port.close()
      done(error)
    },
  })
  port.on('message', (message: Uint8Array | ThreadOutput) => {
    if (!(message instanceof Uint8Array)) onOutput?.(message)
    else if (!stream.destroyed) stream.push(Buffer.from(message.buffer, message.byteOffset, message.length))
  })
  port.on('close', () => {
    if (!stream.destroyed) stream.push(null)
  })
  return stream
}

/** In a thread: offers the stream that `RR_RELAY=thread` refers to. */
export function offerThreadStream(stream: Duplex): void {
  Reflect.set(globalThis, streamKey, stream)
}

/** In a thread: takes the offered stream. Throws when none was offered, as in a process. */
export function takeThreadStream(): Duplex {
  const stream: unknown = Reflect.get(globalThis, streamKey)
  if (stream instanceof Duplex) return stream
  throw new Error('RR_RELAY is "thread", but this is not a thread of a pool')
}

/** Marks the relay of this process or thread as taken. */
export function markRelayTaken(): void {
  Reflect.set(globalThis, takenKey, true)
}

/** True once a caller has taken this thread's relay. */
export function isRelayTaken(): boolean {
  return Reflect.get(globalThis, takenKey) === true
}
