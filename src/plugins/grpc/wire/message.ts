/** One message as it travels: a byte that says whether it is compressed, four of its length, and its bytes. */
import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import { GrpcCode, StatusError } from './status.js'

/** A message as it came. */
export interface WireMessage {
  readonly isCompressed: boolean
  readonly bytes: Buffer
}

const prefixBytes = 5

/** Reads the one message of a unary call. Every method throws a `StatusError` for what is not one. */
export class MessageReader {
  readonly #bytesMax: number
  #chunks: Buffer[] = []
  #bytes = 0
  #head: { readonly isCompressed: boolean; readonly length: number } | undefined

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    if (this.#head === undefined && this.#bytes >= prefixBytes) this.#head = this.#readHead()
    if (this.#head !== undefined && this.#bytes > prefixBytes + this.#head.length)
      throw new StatusError(GrpcCode.internal, 'a unary call has one message, and more bytes came')
  }

  end(): WireMessage {
    const head = this.#head
    if (head === undefined || this.#bytes < prefixBytes + head.length)
      throw new StatusError(GrpcCode.internal, 'the call ended before its message was complete')
    return { isCompressed: head.isCompressed, bytes: this.#joined().subarray(prefixBytes) }
  }

  #readHead() {
    const all = this.#joined()
    const [flag = 0, length] = [all[0], all.readUInt32BE(1)]
    if (flag > 1) throw new StatusError(GrpcCode.internal, `a message has the unknown flag ${flag}`)
    if (length > this.#bytesMax) throw tooLarge('received', length, this.#bytesMax)
    return { isCompressed: flag === 1, length }
  }

  #joined(): Buffer {
    const [first, ...others] = this.#chunks
    const all = first !== undefined && others.length === 0 ? first : Buffer.concat(this.#chunks)
    this.#chunks = [all]
    return all
  }
}

/** Makes the fault of a message over its limit. */
export function tooLarge(what: 'received' | 'trying to send', bytes: number, bytesMax: number): StatusError {
  const text = `${what} message larger than max (${bytes} vs. ${bytesMax})`
  return new StatusError(GrpcCode.resourceExhausted, text)
}

/** Encodings that are read and written. */
export const encodings = 'identity,gzip'
const compressedBytesMin = 1024

const [unpack, pack] = [promisify(gunzip), promisify(gzip)]

/** The plain bytes of a message. Rejects with a `StatusError`: an encoding that is not known, or one that grows over the limit. */
export async function plainBytes(
  { isCompressed, bytes }: WireMessage,
  encoding: string,
  bytesMax: number,
): Promise<Buffer> {
  if (!isCompressed) return bytes
  if (encoding !== 'gzip')
    throw new StatusError(GrpcCode.internal, 'a message is compressed, and grpc-encoding does not say how')
  try {
    return await unpack(bytes, { maxOutputLength: bytesMax })
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE')
      throw new StatusError(GrpcCode.resourceExhausted, `unpacked message larger than max (${bytesMax})`)
    throw new StatusError(GrpcCode.internal, 'a message is not what gzip makes')
  }
}

/** A message for the wire; compressed, if it `mayCompress` and is long enough. */
export async function wireBytes(bytes: Uint8Array, mayCompress: boolean): Promise<Buffer> {
  const isCompressed = mayCompress && bytes.length >= compressedBytesMin
  return framed(isCompressed ? await pack(bytes) : bytes, isCompressed)
}

/** Puts the five bytes in front of a message. */
export function framed(bytes: Uint8Array, isCompressed = false): Buffer {
  const all = Buffer.allocUnsafe(prefixBytes + bytes.length)
  all[0] = isCompressed ? 1 : 0
  all.writeUInt32BE(bytes.length, 1)
  all.set(bytes, prefixBytes)
  return all
}
