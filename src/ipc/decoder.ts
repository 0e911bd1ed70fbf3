/**
 * Decodes bytes into frames and junk, without I/O. Takes any chunking; a frame that lies within one chunk is not copied.
 *
 * Invariant: the kept bytes are either the beginning of one frame whose header was checked, or fewer bytes than a header,
 * each of which could still begin one. A length is compared with its limit before anything is allocated. A fault is sticky.
 */
import { ErrorCode, RelayError } from '../core/errors.js'
import { type Frame, frameVersion, headerBytesMin, headerCrc, optionsMax } from './frame.js'
import type { RelayLimits } from './relay.js'

/** Receiver of decoded frames; all views are valid during the call only. */
export interface DecoderSink {
  frame(frame: Frame): void
  junk(bytes: Buffer): void
}

/** Header of a frame that is larger than its limit, and how many of its bytes are still to come. */
export interface RefusedFrame {
  readonly flags: number
  readonly options: readonly number[]
  readonly leftBytes: number
}

const headerWordsMin = headerBytesMin / 4
const headerWordsMax = headerWordsMin + optionsMax
const excerptBytes = 32
const noBytes = Buffer.alloc(0)

/** The reader of one relay. */
export class FrameDecoder {
  readonly #limits: RelayLimits
  readonly #sink: DecoderSink
  /** Bytes of an unfinished frame or header. With `#need` known it is a buffer of exactly that size, filled up to `#have`. */
  #kept: Buffer = noBytes
  #have = 0
  #need = 0
  #junkBytes = 0
  #junkExcerpt: Buffer = noBytes
  #fault: RelayError | undefined

  constructor(limits: RelayLimits, sink: DecoderSink) {
    this.#limits = limits
    this.#sink = sink
  }

  /** Bytes held back at present. */
  get bufferedBytes(): number {
    return this.#have
  }

  /**
   * Takes the next chunk; returns the fault that ends this relay, if there is one, now and for ever after:
   * RR_IPC_FRAME_TOO_LARGE, or RR_IPC_BAD_FRAME after too much junk.
   */
  push(chunk: Buffer): RelayError | undefined {
    if (this.#fault !== undefined) return this.#fault
    let rest = chunk
    if (this.#need > 0) {
      const taken = Math.min(this.#need - this.#have, rest.length)
      rest.copy(this.#kept, this.#have, 0, taken)
      this.#have += taken
      if (this.#have < this.#need) return undefined
      const whole = this.#kept
      this.#forget()
      this.#emit(whole, 0)
      rest = rest.subarray(taken)
    } else if (this.#have > 0) {
      rest = Buffer.concat([this.#kept, rest])
      this.#forget()
    }
    return this.#scan(rest)
  }

  /**
   * Ends the input. Bytes that could have become a header are junk; a frame that was begun is dropped (its payload belongs
   * in no log) and returned as the fault RR_IPC_RELAY_CLOSED.
   */
  end(): RelayError | undefined {
    if (this.#fault !== undefined) return this.#fault
    const { begun, have, need } = { begun: this.#kept, have: this.#have, need: this.#need }
    this.#forget()
    if (need > 0) {
      this.#fail(
        new RelayError(ErrorCode.RelayClosed, `it ended within a frame: ${have} of ${need} bytes came`),
      )
    } else if (have > 0) this.#sink.junk(begun)
    return this.#fault
  }

  #scan(bytes: Buffer): RelayError | undefined {
    let at = 0
    while (at < bytes.length) {
      const start = this.#findHeader(bytes, at)
      if (start > at) this.#junk(bytes.subarray(at, start))
      if (this.#fault !== undefined) return this.#fault
      at = start
      const left = bytes.length - at
      if (left < headerBytesMin) {
        this.#keep(bytes.subarray(at))
        return undefined
      }
      const frameBytes = this.#frameBytes(bytes, at)
      if (this.#fault !== undefined) return this.#fault
      if (left < frameBytes) {
        this.#keepFrame(bytes.subarray(at), frameBytes)
        return undefined
      }
      this.#emit(bytes, at)
      at += frameBytes
    }
    return undefined
  }

  /** The next place where a header is, or could begin as far as the bytes go; the end when there is none. */
  #findHeader(bytes: Buffer, from: number): number {
    for (let at = from; at < bytes.length; at += 1) {
      const first = bytes[at] as number
      const words = first & 0x0f
      if (first >> 4 !== frameVersion || words < headerWordsMin || words > headerWordsMax) continue
      if (bytes.length - at < 10) return at
      if (bytes.readUInt32LE(at + 6) === headerCrc(bytes, at)) return at
    }
    return bytes.length
  }

  #frameBytes(bytes: Buffer, at: number): number {
    const payloadBytes = bytes.readUInt32LE(at + 2)
    const { payloadBytesMax } = this.#limits
    if (payloadBytes > payloadBytesMax) {
      const text = `a frame announces ${payloadBytes} bytes; the limit is ${payloadBytesMax}`
      const hint = 'Send a smaller answer, or stream it.'
      const details = { frame: refusedFrame(bytes.subarray(at)) }
      this.#fail(new RelayError(ErrorCode.FrameTooLarge, text, { hint, details }))
    }
    return ((bytes[at] as number) & 0x0f) * 4 + payloadBytes
  }

  #emit(bytes: Buffer, at: number): void {
    const headerBytes = ((bytes[at] as number) & 0x0f) * 4
    const options = optionsOf(bytes, at)
    this.#junkBytes = 0
    this.#junkExcerpt = noBytes
    const start = at + headerBytes
    this.#sink.frame({
      flags: bytes[at + 1] as number,
      stream: bytes[at + 10] as number,
      options,
      payload: bytes.subarray(start, start + bytes.readUInt32LE(at + 2)),
    })
  }

  #junk(bytes: Buffer): void {
    if (this.#junkExcerpt.length < excerptBytes) {
      const more = bytes.subarray(0, excerptBytes - this.#junkExcerpt.length)
      this.#junkExcerpt = Buffer.concat([this.#junkExcerpt, more])
    }
    this.#junkBytes += bytes.length
    this.#sink.junk(bytes)
    if (this.#junkBytes <= this.#limits.junkBytesMax) return
    const printable = this.#junkExcerpt.toString('latin1').replace(/[^\x20-\x7e]/g, '.')
    const shown = `${this.#junkExcerpt.toString('hex')} "${printable}"`
    const text = `${this.#junkBytes} bytes that do not contain a frame, beginning with ${shown}`
    this.#fail(
      new RelayError(ErrorCode.BadFrame, text, {
        hint: 'Over pipes, standard output is the protocol: print to standard error instead.',
      }),
    )
  }

  #keep(bytes: Buffer): void {
    // A copy: the chunk may be a view of a buffer that its reader fills again.
    this.#kept = Buffer.from(bytes)
    this.#have = bytes.length
    this.#need = 0
  }

  #keepFrame(bytes: Buffer, frameBytes: number): void {
    // Its exact size at once, so that nothing is copied twice; the system commits only pages that bytes arrive in.
    this.#kept = Buffer.allocUnsafe(frameBytes)
    bytes.copy(this.#kept)
    this.#have = bytes.length
    this.#need = frameBytes
  }

  #forget(): void {
    this.#kept = noBytes
    this.#have = 0
    this.#need = 0
  }

  #fail(fault: RelayError): void {
    this.#fault = fault
    this.#forget()
  }
}

function optionsOf(bytes: Buffer, at: number): number[] {
  const options: number[] = []
  const headerBytes = ((bytes[at] as number) & 0x0f) * 4
  for (let offset = headerBytesMin; offset < headerBytes; offset += 4)
    options.push(bytes.readUInt32LE(at + offset))
  return options
}

/** The header of a frame that is not read; undefined when the chunk ends within it. */
function refusedFrame(bytes: Buffer): RefusedFrame | undefined {
  const headerBytes = ((bytes[0] as number) & 0x0f) * 4
  if (bytes.length < headerBytes) return undefined
  const frameBytes = headerBytes + bytes.readUInt32LE(2)
  return { flags: bytes[1] as number, options: optionsOf(bytes, 0), leftBytes: frameBytes - bytes.length }
}

/** Reads the header of the frame out of the fault RR_IPC_FRAME_TOO_LARGE; undefined for other faults, and where it was not whole. */
export function refusedFrameOf(fault: RelayError): RefusedFrame | undefined {
  return fault.code === ErrorCode.FrameTooLarge
    ? (fault.details.frame as RefusedFrame | undefined)
    : undefined
}
