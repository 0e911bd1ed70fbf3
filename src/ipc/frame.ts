/**
 * Goridge frame v1 (RoadRunner): constants and the writer. Little-endian throughout. Pure; the reader is `decoder.ts`.
 *
 *   byte 0      version 1 in the high nibble, header length in 32-bit words in the low one (3 + number of options)
 *   byte 1      flags            bytes 2–5   payload length        bytes 6–9   CRC-32 of bytes 0–5
 *   byte 10     stream bits      byte 11     0                     then options, 32 bits each, then the payload
 */
import { ErrorCode, RelayError } from '../core/errors.js'

/** Flag bits of byte 1. */
export const FrameFlag = {
  control: 0x01,
  raw: 0x04,
  json: 0x08,
  msgpack: 0x10,
  gob: 0x20,
  error: 0x40,
  proto: 0x80,
} as const
/** Bits of byte 10. */
export const StreamBit = { more: 0x01, stop: 0x02, ping: 0x04, pong: 0x08 } as const

/** Bytes of a header without options. */
export const headerBytesMin = 12
/** Options of a frame at most (Goridge: the header has at most 13 words). */
export const optionsMax = 10
/** The only version there is. */
export const frameVersion = 1
const lengthMax = 0xffffffff

/** A frame that came in. */
export interface Frame {
  readonly flags: number
  readonly stream: number
  readonly options: readonly number[]
  readonly payload: Buffer
}

/** A frame to write: payload = head, then body, either as bytes or as text (UTF-8). */
export interface FrameParts {
  readonly flags: number
  readonly stream?: number
  /** At most 10 unsigned 32-bit words; `'head'` is one option, the byte length of the head (jobs and replies). */
  readonly options: readonly number[] | 'head'
  readonly head: Uint8Array | string
  readonly body?: Uint8Array | string
}

const crcTable = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  return crc
})

/**
 * CRC-32 (IEEE, as zlib) of the six bytes at `at`, which must be there. For so few bytes a table in JavaScript is five times
 * faster than a call into zlib, and written out it is a third faster than a loop: each frame needs it twice.
 */
export function headerCrc(bytes: Uint8Array, at: number): number {
  let crc = crcStep(-1, bytes[at])
  crc = crcStep(crc, bytes[at + 1])
  crc = crcStep(crc, bytes[at + 2])
  crc = crcStep(crc, bytes[at + 3])
  crc = crcStep(crc, bytes[at + 4])
  return ~crcStep(crc, bytes[at + 5]) >>> 0
}

/** The index is masked to 8 bits, so the table always has it. */
function crcStep(crc: number, byte: number | undefined): number {
  return (crcTable[(crc ^ (byte as number)) & 0xff] as number) ^ (crc >>> 8)
}

function byteLength(part: Uint8Array | string | undefined): number {
  if (part === undefined) return 0
  return typeof part === 'string' ? Buffer.byteLength(part) : part.length
}

function put(target: Buffer, part: Uint8Array | string, at: number): void {
  if (typeof part === 'string') target.write(part, at)
  else target.set(part, at)
}

/**
 * A frame's bytes, with the body or up to it; the length in the header is the whole one either way.
 * Throws RR_IPC_FRAME_TOO_LARGE when the payload does not fit into 32 bits, RR_IPC_BAD_FRAME for more than 10 options.
 */
function encode(parts: FrameParts, withBody: boolean): Buffer {
  const { head, body, options } = parts
  const headBytes = byteLength(head)
  const bodyBytes = byteLength(body)
  const optionCount = options === 'head' ? 1 : options.length
  const payloadBytes = headBytes + bodyBytes
  if (optionCount > optionsMax) {
    throw new RelayError(ErrorCode.BadFrame, `a frame has at most ${optionsMax} options, not ${optionCount}`)
  }
  if (payloadBytes > lengthMax) {
    throw new RelayError(ErrorCode.FrameTooLarge, `a payload of ${payloadBytes} bytes is over ${lengthMax}`)
  }
  const headerBytes = headerBytesMin + 4 * optionCount
  const bytes = Buffer.allocUnsafe(headerBytes + headBytes + (withBody ? bodyBytes : 0))
  bytes[0] = (frameVersion << 4) | (headerBytes >> 2)
  bytes[1] = parts.flags
  bytes.writeUInt32LE(payloadBytes, 2)
  bytes.writeUInt32LE(headerCrc(bytes, 0), 6)
  bytes[10] = parts.stream ?? 0
  bytes[11] = 0
  if (options === 'head') bytes.writeUInt32LE(headBytes, 12)
  else for (const [index, word] of options.entries()) bytes.writeUInt32LE(word, 12 + 4 * index)
  put(bytes, head, headerBytes)
  if (withBody && body !== undefined) put(bytes, body, headerBytes + headBytes)
  return bytes
}

/** The whole frame in one buffer. Throws RR_IPC_FRAME_TOO_LARGE or RR_IPC_BAD_FRAME as `encode` says. */
export function encodeFrame(parts: FrameParts): Buffer {
  return encode(parts, true)
}

/** Header, options and head only: the caller writes the body behind it, in the same system call. */
export function encodeFrameHead(parts: FrameParts): Buffer {
  return encode(parts, false)
}
