/** What all relays over Node streams share: decode what comes in, write one frame in one write, end once. */
import type { Readable, Writable } from 'node:stream'
import { ErrorCode, messageOf, RelayError } from '../core/errors.js'
import { FrameDecoder } from './decoder.js'
import { encodeFrame, encodeFrameHead, type FrameParts } from './frame.js'
import type { Relay, RelayLimits, RelayReader } from './relay.js'

// Up to here a copy is cheaper than a second chunk; above, header and body go out in one `writev`.
const copyBytesMax = 16 * 1024

/** A relay over a stream to read and one to write; for a socket they are the same. */
export class StreamRelay implements Relay {
  readonly #input: Readable
  readonly #output: Writable
  readonly #decoder: FrameDecoder
  #reader: RelayReader | undefined
  #isEnded = false
  #fault: RelayError | undefined

  constructor(input: Readable, output: Writable, limits: RelayLimits) {
    this.#input = input
    this.#output = output
    this.#decoder = new FrameDecoder(limits, {
      frame: (frame) => this.#reader?.frame(frame),
      junk: (bytes) => this.#reader?.junk(bytes),
    })
    input.on('end', () => this.#end(undefined))
    input.on('close', () => this.#end(undefined))
    // The peer's going is no fault of its own kind: whoever supervises it hears why from its process.
    input.on('error', (error) => this.#end(lost(error)))
    output.on('error', (error) => this.#end(lost(error)))
  }

  read(reader: RelayReader): void {
    const isFirst = this.#reader === undefined
    this.#reader = reader
    if (this.#isEnded) reader.closed(this.#fault)
    else if (isFirst) this.#input.on('data', (chunk: Buffer) => this.#push(chunk))
    // A hand-over pauses between two readers, so that nothing is decoded for nobody.
    this.#input.resume()
  }

  send(parts: FrameParts): void {
    if (this.#isEnded) return
    const { body } = parts
    if (body === undefined || body.length <= copyBytesMax) {
      this.#output.write(encodeFrame(parts))
      return
    }
    this.#output.cork()
    this.#output.write(encodeFrameHead(parts))
    this.#output.write(body)
    this.#output.uncork()
  }

  close(): void {
    this.#end(undefined)
  }

  #push(chunk: Buffer): void {
    if (this.#isEnded) return
    const fault = this.#decoder.push(chunk)
    if (fault !== undefined) this.#end(fault)
  }

  #end(fault: RelayError | undefined): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#fault = fault
    this.#decoder.end()
    this.#input.destroy()
    this.#output.destroy()
    this.#reader?.closed(fault)
  }
}

function lost(error: Error): RelayError {
  return new RelayError(ErrorCode.RelayClosed, `the relay broke: ${messageOf(error)}`, { cause: error })
}
