/**
 * An answer that goes out piece by piece. Every few pieces the server is asked whether there is room for more, so a slow reader
 * slows the handler; when the reader has gone the server says stop, and the handler's generator is ended at its `yield`.
 */
import { StreamBit } from '../../src/ipc/frame.js'
import type { Relay } from '../../src/ipc/relay.js'

// As often as RoadRunner's PHP package asks.
const piecesPerPing = 5

/** True for a result that comes in pieces: an async generator, a readable stream. */
export function isStream(result: unknown): result is AsyncIterable<unknown> {
  return typeof result === 'object' && result !== null && Symbol.asyncIterator in result
}

/** Server's messages about one stream that is being sent. */
export class StreamTurns {
  #isStopped = false
  #heard: (() => void) | undefined

  /** Takes the stream bits of a frame; they may be about a stream that has ended. */
  take(bits: number): void {
    if ((bits & StreamBit.stop) !== 0) this.#isStopped = true
    this.#heard?.()
  }

  /** A new stream begins, by the same turns. */
  begin(): void {
    this.#isStopped = false
  }

  get isStopped(): boolean {
    return this.#isStopped
  }

  /** Resolves when the server has answered a PING. */
  async answer(): Promise<void> {
    if (!this.#isStopped)
      await new Promise<void>((resolve) => {
        this.#heard = resolve
      })
    this.#heard = undefined
  }
}

/** Sends the pieces of `body`, each as a frame, the context with the first. Rejects with what `body` throws. */
export async function sendStream(
  relay: Relay,
  turns: StreamTurns,
  answer: {
    readonly flags: number
    /** Makes the context of each frame; only the first has the handler's own. */
    readonly head: (isFirst: boolean) => string
    readonly body: AsyncIterable<unknown>
    readonly encode: (piece: unknown) => Uint8Array | string
  },
): Promise<void> {
  const { flags, body, encode, head } = answer
  let pieces = 0
  turns.begin()
  for await (const piece of body) {
    if (turns.isStopped) break
    pieces += 1
    const asks = pieces % piecesPerPing === 0
    const stream = StreamBit.more | (asks ? StreamBit.ping : 0)
    relay.send({ flags, stream, options: 'head', head: head(pieces === 1), body: encode(piece) })
    if (asks) await turns.answer()
    if (turns.isStopped) break
  }
  relay.send({ flags, options: 'head', head: head(pieces === 0) })
}
