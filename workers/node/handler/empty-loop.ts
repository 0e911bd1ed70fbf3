/**
 * Detects that nothing is left to do: no timer, no socket, no file being read. AWS's client answers at that moment if nothing
 * else has. The relay is always open, so it does not count while this is watched.
 */
import type { RelayLink } from '../connect.js'

/** Watches the event loop. A worker has one for its whole life. */
export class EmptyLoop {
  readonly #link: Pick<RelayLink, 'ref' | 'unref'>
  #onEmpty: (() => void) | undefined

  constructor(link: Pick<RelayLink, 'ref' | 'unref'>) {
    this.#link = link
    process.on('beforeExit', () => this.#empty())
  }

  /** Calls `onEmpty` once when the event loop runs empty. */
  watch(onEmpty: () => void): void {
    this.#onEmpty = onEmpty
    this.#link.unref()
  }

  /** Stops watching. */
  end(): void {
    this.#onEmpty = undefined
    this.#link.ref()
  }

  #empty(): void {
    const onEmpty = this.#onEmpty
    // Must come first: otherwise the process would end now.
    this.end()
    onEmpty?.()
  }
}
