/** Runs bytes through the real decoder in chosen chunks and keeps what came out. */
import type { RelayError } from '../../src/core/errors.js'
import { FrameDecoder } from '../../src/ipc/decoder.js'
import type { Frame } from '../../src/ipc/frame.js'
import type { RelayLimits } from '../../src/ipc/relay.js'

/** Small enough that tests reach them. */
export const testLimits: RelayLimits = { payloadBytesMax: 100_000, junkBytesMax: 1000 }

/** Decoded frames, copied. */
export interface Decoded {
  readonly decoder: FrameDecoder
  readonly frames: Frame[]
  readonly junk: Buffer[]
  fault: RelayError | undefined
}

/** A decoder whose output is kept. */
export function keepingDecoder(limits: RelayLimits = testLimits): Decoded {
  const frames: Frame[] = []
  const junk: Buffer[] = []
  const decoder = new FrameDecoder(limits, {
    frame: (frame) => frames.push({ ...frame, payload: Buffer.from(frame.payload) }),
    junk: (bytes) => junk.push(Buffer.from(bytes)),
  })
  return { decoder, frames, junk, fault: undefined }
}

/**
 * Feeds `bytes` in chunks of the given sizes, over and over (whole when there are none). Each chunk lies in one reused
 * buffer that is overwritten afterwards, as a socket's may be.
 */
export function decode(bytes: Buffer, sizes: readonly number[] = [], limits?: RelayLimits): Decoded {
  const decoded = keepingDecoder(limits)
  const reused = Buffer.alloc(bytes.length)
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = Math.min(sizes[turn % sizes.length] ?? bytes.length, bytes.length - at)
    const chunk = reused.subarray(0, size)
    bytes.copy(chunk, 0, at, at + size)
    decoded.fault = decoded.decoder.push(chunk)
    chunk.fill(0xee)
    at += size
  }
  return decoded
}
