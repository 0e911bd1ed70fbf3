/**
 * HTTP/1.1 responses out of bytes in any chunking, one after the other: Content-Length, chunked, or to the end of the
 * connection. Does no I/O. AWS's Runtime API sends bodies over 2 KB chunked.
 *
 * A body is copied once, into a buffer of its own length that belongs to the receiver of the response. A chunked one, whose length is
 * not known, is collected in a buffer that is kept for the next, and copied out of it.
 */
import { unreachable } from '../../../index.js'
import { type ResponseHead, readHead } from './http-head.js'

/** A whole response. */
export interface HttpResponse {
  readonly head: ResponseHead
  readonly body: Buffer
}

/** Limits in bytes. */
export interface HttpLimits {
  readonly headBytesMax: number
  readonly bodyBytesMax: number
}

type Phase = 'head' | 'body' | 'chunk-size' | 'chunk' | 'trailers' | 'until-close'

const headEnd = Buffer.from('\r\n\r\n')
const lineEnd = Buffer.from('\r\n')
const noBytes = Buffer.alloc(0)
const chunkLineBytesMax = 1024
const carriageReturn = 0x0d
// More than this is not kept for the next body; events end at 6 MB, and most are far smaller.
const keptBytesMax = 1024 * 1024

/** Reads the responses of one connection. */
export class HttpReader {
  readonly #limits: HttpLimits
  #phase: Phase = 'head'
  #head: ResponseHead | undefined
  /** Bytes that were not used yet, from `#at` on. */
  #input: Buffer = noBytes
  #at = 0
  /** Bytes that the body, or the chunk, still lacks. */
  #left = 0
  /** The body so far, `#bodyBytes` of it: in a buffer of its length where that is known, else in `#collected`. */
  #body: Buffer = noBytes
  #bodyBytes = 0
  #collected: Buffer = noBytes

  constructor(limits: HttpLimits) {
    this.#limits = limits
  }

  /** Takes bytes, which must not change until `next` has returned undefined. */
  push(bytes: Buffer): void {
    this.#input =
      this.#at < this.#input.length ? Buffer.concat([this.#input.subarray(this.#at), bytes]) : bytes
    this.#at = 0
  }

  /**
   * Returns the next whole response; undefined when more bytes are needed, and what stays has been copied. Throws an `Error` with a
   * sentence on bytes that are not HTTP or over a limit.
   */
  next(): HttpResponse | undefined {
    while (this.#at < this.#input.length) {
      const response = this.#advance(this.#input, this.#at)
      if (response === 'more') break
      if (response !== undefined) return response
    }
    this.#input = this.#at < this.#input.length ? Buffer.from(this.#input.subarray(this.#at)) : noBytes
    this.#at = 0
    return undefined
  }

  /** Returns the response that had no length: it is whole now that the connection has ended. */
  end(): HttpResponse | undefined {
    return this.#phase === 'until-close' ? this.#finish(this.#takeCollected()) : undefined
  }

  /** Moves on by one step. */
  #advance(input: Buffer, at: number): HttpResponse | 'more' | undefined {
    switch (this.#phase) {
      case 'head':
        return this.#readHead(input, at)
      case 'body':
        return this.#readBody(input, at)
      case 'chunk-size':
        return this.#readChunkSize(input, at)
      case 'chunk':
        this.#left -= this.#collect(input, at, Math.min(input.length, at + this.#left))
        if (this.#left === 0) this.#phase = 'chunk-size'
        return undefined
      case 'trailers':
        return this.#readTrailer(input, at)
      case 'until-close':
        this.#collect(input, at, input.length)
        return undefined
      default:
        return unreachable(this.#phase)
    }
  }

  #readHead(input: Buffer, at: number): HttpResponse | 'more' | undefined {
    const end = input.indexOf(headEnd, at)
    if (end < 0) {
      if (input.length - at > this.#limits.headBytesMax)
        throw new Error(`a response head is over ${this.#limits.headBytesMax} bytes`)
      return 'more'
    }
    this.#at = end + headEnd.length
    const head = readHead(input.toString('latin1', at, end))
    if (head === undefined) return undefined
    this.#head = head
    const { framing } = head
    if (framing === 'none') return this.#finish(noBytes)
    if (framing === 'chunked') this.#phase = 'chunk-size'
    else if (framing === 'until-close') this.#phase = 'until-close'
    else return this.#beginBody(input, framing.length)
    return undefined
  }

  #beginBody(input: Buffer, length: number): HttpResponse | undefined {
    this.#checkBody(length)
    const [at, end] = [this.#at, this.#at + length]
    if (end <= input.length) {
      this.#at = end
      return this.#finish(Buffer.from(input.subarray(at, end)))
    }
    this.#phase = 'body'
    this.#left = length
    this.#body = Buffer.allocUnsafeSlow(length)
    return undefined
  }

  #readBody(input: Buffer, at: number): HttpResponse | undefined {
    const end = Math.min(input.length, at + this.#left)
    input.copy(this.#body, this.#body.length - this.#left, at, end)
    this.#at = end
    this.#left -= end - at
    return this.#left === 0 ? this.#finish(this.#body) : undefined
  }

  #readChunkSize(input: Buffer, at: number): 'more' | undefined {
    // The line end of the chunk before stands in front of the next size.
    const start = input[at] === carriageReturn ? at + 2 : at
    const end = input.indexOf(lineEnd, start)
    if (end < 0) {
      if (input.length - at > chunkLineBytesMax) throw new Error('a chunk has no size')
      return 'more'
    }
    const text = input.toString('latin1', start, end)
    const left = /^[0-9a-f]+/i.test(text) ? Number.parseInt(text, 16) : Number.NaN
    if (Number.isNaN(left)) throw new Error(`a chunk has the size ${JSON.stringify(text.slice(0, 20))}`)
    this.#checkBody(this.#bodyBytes + left)
    this.#left = left
    this.#phase = left === 0 ? 'trailers' : 'chunk'
    this.#at = end + lineEnd.length
    return undefined
  }

  #readTrailer(input: Buffer, at: number): HttpResponse | 'more' | undefined {
    const end = input.indexOf(lineEnd, at)
    if (end < 0) {
      if (input.length - at > this.#limits.headBytesMax)
        throw new Error('the trailers of a response have no end')
      return 'more'
    }
    this.#at = end + lineEnd.length
    return end === at ? this.#finish(this.#takeCollected()) : undefined
  }

  /** Returns how many bytes it took. */
  #collect(input: Buffer, from: number, to: number): number {
    const needed = this.#bodyBytes + to - from
    this.#checkBody(needed)
    if (this.#collected.length < needed) {
      // Twice the size, so that a body in many chunks is copied only a few times.
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, 64 * 1024, 2 * this.#collected.length))
      this.#collected.copy(grown, 0, 0, this.#bodyBytes)
      this.#collected = grown
    }
    input.copy(this.#collected, this.#bodyBytes, from, to)
    this.#bodyBytes = needed
    this.#at = to
    return to - from
  }

  /** The collected body as its owner may keep it: a large buffer is handed over, a small one is used again. */
  #takeCollected(): Buffer {
    const body = this.#collected.subarray(0, this.#bodyBytes)
    if (this.#collected.length <= keptBytesMax) return Buffer.from(body)
    this.#collected = noBytes
    return body
  }

  #checkBody(bytes: number): void {
    if (bytes > this.#limits.bodyBytesMax) {
      throw new Error(`a response body of ${bytes} bytes is over ${this.#limits.bodyBytesMax}`)
    }
  }

  #finish(body: Buffer): HttpResponse {
    const head = this.#head
    if (head === undefined) throw new Error('a response ended before it began')
    this.#phase = 'head'
    this.#head = undefined
    this.#left = 0
    this.#body = noBytes
    this.#bodyBytes = 0
    return { head, body }
  }
}
