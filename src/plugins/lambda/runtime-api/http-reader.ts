/**
 * HTTP/1.1 responses out of bytes in any chunking, one after the other: Content-Length, chunked, or to the end of the
 * connection. Does no I/O. AWS's Runtime API sends bodies over 2 KB chunked.
 */
import { unreachable } from '../../../index.js'

/** A whole response. Header names are lower case; of repeated ones the last counts. */
export interface HttpResponse {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly body: Buffer
  /** False: the server closes the connection behind it. */
  readonly isKeptAlive: boolean
}

/** Limits in bytes. */
export interface HttpLimits {
  readonly headBytesMax: number
  readonly bodyBytesMax: number
}

type Phase =
  | { readonly in: 'head' }
  | { readonly in: 'body'; readonly left: number }
  | { readonly in: 'chunk-size' }
  | { readonly in: 'chunk'; readonly left: number }
  | { readonly in: 'trailers' }
  | { readonly in: 'until-close' }

const statusPattern = /^HTTP\/1\.[01] (\d{3})/
const noHeaders: ReadonlyMap<string, string> = new Map()

/** The lines of a head behind its first; walked without a list of them, as this runs for every event. */
function readHeaders(text: string, from: number): ReadonlyMap<string, string> {
  const headers = new Map<string, string>()
  for (let at = from; at < text.length; ) {
    const found = text.indexOf('\r\n', at)
    const end = found < 0 ? text.length : found
    const colon = text.indexOf(':', at)
    if (colon > at && colon < end) {
      headers.set(text.slice(at, colon).toLowerCase(), text.slice(colon + 1, end).trim())
    }
    at = end + 2
  }
  return headers
}

interface Head {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly isKeptAlive: boolean
}

const headEnd = Buffer.from('\r\n\r\n')
const lineEnd = Buffer.from('\r\n')
const noBytes = Buffer.alloc(0)
const chunkLineBytesMax = 1024

/**
 * Reads the responses of one connection. Throws an `Error` with a sentence on bytes that are not HTTP or exceed a limit.
 */
export class HttpReader {
  readonly #limits: HttpLimits
  #phase: Phase = { in: 'head' }
  #head: Head | undefined
  /** Bytes that wait for more: a begun head, or the line before a chunk. */
  #rest: Buffer = noBytes
  /** The bytes of the body so far, `#bodyBytes` of them, in one buffer: of the whole length where that is known. */
  #body: Buffer = noBytes
  #bodyBytes = 0

  constructor(limits: HttpLimits) {
    this.#limits = limits
  }

  /** Takes bytes (a view is fine: what stays is copied); returns the response when it is whole. */
  push(bytes: Buffer): HttpResponse | undefined {
    let input = this.#rest.length > 0 ? Buffer.concat([this.#rest, bytes]) : bytes
    this.#rest = noBytes
    for (;;) {
      const before = this.#phase
      const used = this.#advance(input)
      if (used === undefined) {
        this.#rest = Buffer.from(input)
        return undefined
      }
      input = input.subarray(used)
      if (this.#phase.in === 'head' && before.in !== 'head') return this.#finish()
      if (this.#phase.in === 'body' && this.#phase.left === 0) return this.#finish()
      if (input.length === 0) return undefined
    }
  }

  /** The connection ended: a response without a length is whole now. */
  end(): HttpResponse | undefined {
    return this.#phase.in === 'until-close' ? this.#finish() : undefined
  }

  /** Moves on by one step; undefined when more bytes are needed, else how many were used. */
  #advance(input: Buffer): number | undefined {
    const phase = this.#phase
    switch (phase.in) {
      case 'head':
        return this.#readHead(input)
      case 'body':
      case 'chunk': {
        const taken = Math.min(phase.left, input.length)
        this.#keep(input.subarray(0, taken), phase.left)
        const left = phase.left - taken
        if (phase.in === 'body') this.#phase = { in: 'body', left }
        else this.#phase = left === 0 ? { in: 'chunk-size' } : { in: 'chunk', left }
        return taken
      }
      case 'chunk-size':
        return this.#readChunkSize(input)
      case 'trailers':
        return this.#readTrailer(input)
      case 'until-close':
        this.#keep(input, input.length)
        return input.length
      default:
        return unreachable(phase)
    }
  }

  #readHead(input: Buffer): number | undefined {
    const end = input.indexOf(headEnd)
    if (end < 0) {
      if (input.length > this.#limits.headBytesMax)
        throw new Error(`a response head is over ${this.#limits.headBytesMax} bytes`)
      return undefined
    }
    const text = input.toString('latin1', 0, end)
    const lineLength = text.indexOf('\r\n')
    const statusLine = lineLength < 0 ? text : text.slice(0, lineLength)
    const status = Number(statusPattern.exec(statusLine)?.[1])
    if (Number.isNaN(status))
      throw new Error(`the answer is not an HTTP response: ${JSON.stringify(statusLine.slice(0, 60))}`)
    const headers = lineLength < 0 ? noHeaders : readHeaders(text, lineLength + 2)
    this.#open(status, headers, statusLine)
    return end + headEnd.length
  }

  #open(status: number, headers: ReadonlyMap<string, string>, statusLine: string): void {
    // 100 Continue and its like announce another response.
    if (status < 200) return
    const connection = headers.get('connection')?.toLowerCase()
    const isKeptAlive = statusLine.startsWith('HTTP/1.0')
      ? connection === 'keep-alive'
      : connection !== 'close'
    this.#head = { status, headers, isKeptAlive }
    if (headers.get('transfer-encoding')?.toLowerCase().includes('chunked') === true) {
      this.#phase = { in: 'chunk-size' }
      return
    }
    const length = headers.get('content-length')
    if (length === undefined && status !== 204 && status !== 304) {
      this.#phase = { in: 'until-close' }
      return
    }
    const left = Number(length ?? 0)
    if (!Number.isInteger(left) || left < 0)
      throw new Error(`a response has the length ${JSON.stringify(length)}`)
    this.#checkBody(left)
    this.#phase = { in: 'body', left }
  }

  #readChunkSize(input: Buffer): number | undefined {
    // The line end of the chunk before stands in front of the next size.
    const start = input[0] === 0x0d ? 2 : 0
    const end = input.indexOf(lineEnd, start)
    if (end < 0) {
      if (input.length > chunkLineBytesMax) throw new Error('a chunk has no size')
      return undefined
    }
    const text = input.toString('latin1', start, end)
    const left = /^[0-9a-f]+/i.test(text) ? Number.parseInt(text, 16) : Number.NaN
    if (Number.isNaN(left)) throw new Error(`a chunk has the size ${JSON.stringify(text.slice(0, 20))}`)
    this.#checkBody(this.#bodyBytes + left)
    this.#phase = left === 0 ? { in: 'trailers' } : { in: 'chunk', left }
    return end + lineEnd.length
  }

  #readTrailer(input: Buffer): number | undefined {
    const end = input.indexOf(lineEnd)
    if (end < 0) {
      if (input.length > this.#limits.headBytesMax) throw new Error('the trailers of a response have no end')
      return undefined
    }
    if (end === 0) this.#phase = { in: 'head' }
    return end + lineEnd.length
  }

  /** `announced`: bytes that are sure to come, these included. */
  #keep(bytes: Buffer, announced: number): void {
    if (bytes.length === 0) return
    const before = this.#bodyBytes
    this.#checkBody(before + bytes.length)
    this.#bodyBytes = before + bytes.length
    if (before === 0 && bytes.length === announced) {
      this.#body = Buffer.from(bytes)
      return
    }
    this.#reserve(before, announced)
    bytes.copy(this.#body, before)
  }

  /** Room behind `used` bytes for as many as are announced, which were compared with the limit. A body in chunks doubles it. */
  #reserve(used: number, announced: number): void {
    const needed = used + announced
    if (this.#body.length >= needed) return
    const doubled = Math.min(2 * this.#body.length, this.#limits.bodyBytesMax)
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, doubled))
    this.#body.copy(grown, 0, 0, used)
    this.#body = grown
  }

  #checkBody(bytes: number): void {
    if (bytes > this.#limits.bodyBytesMax) {
      throw new Error(`a response body of ${bytes} bytes is over ${this.#limits.bodyBytesMax}`)
    }
  }

  #finish(): HttpResponse {
    const head = this.#head
    if (head === undefined) throw new Error('a response ended before it began')
    const body = this.#body.length === this.#bodyBytes ? this.#body : this.#body.subarray(0, this.#bodyBytes)
    this.#phase = { in: 'head' }
    this.#head = undefined
    this.#body = noBytes
    this.#bodyBytes = 0
    return { ...head, body }
  }
}
