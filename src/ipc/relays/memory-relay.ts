/** Two relays joined in memory through the real codec, for tests and for in-process peers. */
import { Duplex } from 'node:stream'
import type { Relay, RelayLimits } from '../relay.js'
import { StreamRelay, sourceOf } from './stream-relay.js'

/** Options of a pair of relays in memory. */
export interface MemoryRelayOptions {
  /** The most bytes that arrive at once; without it what was written at once arrives at once. */
  readonly chunkBytes?: number
}

/**
 * Makes two connected relays: each reads what the other sends. Closing one ends the other, after it has read everything. Nothing bounds what
 * waits for a slow reader: for peers that answer before they are sent more.
 */
export function memoryRelayPair(
  limits: RelayLimits,
  options: MemoryRelayOptions = {},
): readonly [Relay, Relay] {
  const [left, right] = memoryStreamPair(options)
  return [new StreamRelay(sourceOf(left), left, limits), new StreamRelay(sourceOf(right), right, limits)]
}

/** Makes the two streams alone, for a peer that writes arbitrary bytes. */
export function memoryStreamPair(options: MemoryRelayOptions = {}): readonly [Duplex, Duplex] {
  const chunkBytes = options.chunkBytes ?? Number.POSITIVE_INFINITY
  const left: Duplex = streamTo(() => right, chunkBytes)
  const right: Duplex = streamTo(() => left, chunkBytes)
  return [left, right]
}

function streamTo(other: () => Duplex, chunkBytes: number): Duplex {
  return new Duplex({
    // Bytes come by `push` from the other end.
    read() {},
    write(bytes: Buffer, _encoding, done) {
      for (let at = 0; at < bytes.length; at += chunkBytes) {
        if (!other().destroyed) other().push(bytes.subarray(at, at + chunkBytes))
      }
      done()
    },
    final(done) {
      if (!other().destroyed) other().push(null)
      done()
    },
    destroy(error, done) {
      if (!other().destroyed) other().push(null)
      done(error)
    },
  })
}
