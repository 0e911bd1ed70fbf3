/** Base of all relays over Node streams: decodes incoming bytes, writes one frame in one write, ends once. */
import type { Readable, Writable } from 'node:stream'
import type { Undo } from '../../core/abort.js'
import { ErrorCode, messageOf, RelayError } from '../../core/errors.js'
import { FrameDecoder } from '../decoder.js'
import { encodeFrame, encodeFrameHead, type FrameParts } from '../frame.js'
import type { Relay, RelayLimits, RelayReader } from '../relay.js'

// Up to here a copy is cheaper than a second chunk; above, header and body go out in one `writev`.
const copyBytesMax = 16 * 1024
// How the system tells that the peer has gone: its end, not a fault of its own kind.
const endCodes: ReadonlySet<unknown> = new Set(['EPIPE', 'ECONNRESET'])

/** A stream to read, and how its bytes come. */
export interface ByteSource {
  readonly stream: Readable
  /** Begins to read: calls `take` with all bytes from the first on. They are valid during the call only. */
  start(take: (bytes: Buffer) => void): void
}

/** Makes the source of an ordinary stream: it allocates a buffer for each read. */
export function sourceOf(stream: Readable): ByteSource {
  return { stream, start: (take) => void stream.on('data', take) }
}

/** A relay over a stream to read and one to write; for a socket they are the same. */
export class StreamRelay implements Relay {
  readonly #source: ByteSource
  readonly #input: Readable
  readonly #output: Writable
  readonly #decoder: FrameDecoder
  #reader: RelayReader | undefined
  #isEnded = false
  #fault: RelayError | undefined

  constructor(source: ByteSource, output: Writable, limits: RelayLimits) {
    const input = source.stream
    this.#source = source
    this.#input = input
    this.#output = output
    // A reader may close the relay while the rest of the chunk is decoded: that rest is not for it any more.
    this.#decoder = new FrameDecoder(limits, {
      frame: (frame) => this.#isEnded || this.#reader?.frame(frame),
      junk: (bytes) => this.#isEnded || this.#reader?.junk(bytes),
    })
    input.on('end', () => this.#endByPeer())
    input.on('close', () => this.#endByPeer())
    input.on('error', (error) => this.#break(error))
    output.on('error', (error) => this.#break(error))
  }

  read(reader: RelayReader): void {
    const isFirst = this.#reader === undefined
    this.#reader = reader
    if (this.#isEnded) reader.closed(this.#fault)
    // Nothing is taken out of the stream before there is a reader for it.
    else if (isFirst) this.#source.start((bytes) => this.#push(bytes))
  }

  send(parts: FrameParts): void {
    if (this.#isEnded) return
    const { body } = parts
    if (body === undefined || body.length <= copyBytesMax) {
      this.#output.write(encodeFrame(parts))
      return
    }
    const head = encodeFrameHead(parts)
    this.#output.cork()
    this.#output.write(head)
    this.#output.write(body)
    this.#output.uncork()
  }

  joinWrites(): Undo {
    this.#output.cork()
    let isHeld = true
    return () => {
      if (isHeld) this.#output.uncork()
      isHeld = false
    }
  }

  pause(): void {
    this.#input.pause()
  }

  resume(): void {
    if (!this.#isEnded) this.#input.resume()
  }

  close(): void {
    this.#end(undefined)
  }

  #push(chunk: Buffer): void {
    if (this.#isEnded) return
    const fault = this.#decoder.push(chunk)
    if (fault !== undefined) this.#end(fault)
  }

  #endByPeer(): void {
    if (!this.#isEnded) this.#end(this.#decoder.end())
  }

  #break(error: Error): void {
    if ('code' in error && endCodes.has(error.code)) {
      // A write finds first that the peer has left. What it wrote before lies in the system: two turns of the loop read it.
      setImmediate(() => setImmediate(() => this.#endByPeer()))
      return
    }
    this.#end(new RelayError(ErrorCode.RelayClosed, `the relay broke: ${messageOf(error)}`, { cause: error }))
  }

  #end(fault: RelayError | undefined): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#fault = fault
    this.#input.destroy()
    this.#output.destroy()
    this.#reader?.closed(fault)
  }
}
