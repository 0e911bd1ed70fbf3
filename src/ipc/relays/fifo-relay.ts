/**
 * The relay `fifo`: a pair of named pipes. A pipe costs half the system time of a socket pair, and only descriptors that
 * we opened ourselves can be read into a buffer of ours, without a new one for each read.
 */
import { Socket } from 'node:net'
import type { Relay, RelayLimits } from '../relay.js'
import { type ByteSource, StreamRelay } from './stream-relay.js'

/** Our ends of the two pipes; they never wait (O_NONBLOCK). */
export interface FifoEnds {
  /** Read end of the peer's output. */
  readonly inputFd: number
  /** Write end of the peer's input. */
  readonly outputFd: number
}

// What a pipe holds on Linux, and so the most that one read can bring. One for all: bytes are decoded in the call that
// reads them, and what is kept is copied.
const kept = Buffer.allocUnsafeSlow(64 * 1024)

/** Frames over two FIFOs, which the relay owns from now on. */
export function fifoRelay({ inputFd, outputFd }: FifoEnds, limits: RelayLimits): Relay {
  return new StreamRelay(keptSource(inputFd), new Socket({ fd: outputFd, readable: false }), limits)
}

function keptSource(fd: number): ByteSource {
  let take: (bytes: Buffer) => void = () => undefined
  const onread = {
    buffer: kept,
    callback: (byteCount: number) => {
      take(kept.subarray(0, byteCount))
      return true
    },
  }
  // By a name, as the types do not know this option of the constructor.
  const options = { fd, writable: false, onread }
  const stream = new Socket(options)
  // It would read at once; there is nobody yet to take it.
  stream.pause()
  return {
    stream,
    start: (reader) => {
      take = reader
      stream.resume()
    },
  }
}
