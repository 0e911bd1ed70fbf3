/**
 * Tells when nothing is left that could go on: no timer, no socket, no file being read. AWS's client answers then what nobody else
 * answers. The relay is always open, so while somebody watches it does not count.
 */
import type { RelayLink } from './connect.js'

/** One for the life of a worker. */
export class EmptyLoop {
  readonly #link: Pick<RelayLink, 'ref' | 'unref'>
  #onEmpty: (() => void) | undefined

  constructor(link: Pick<RelayLink, 'ref' | 'unref'>) {
    this.#link = link
    process.on('beforeExit', () => this.#empty())
  }

  /** From now on the event loop may run empty; `onEmpty` is called then, once. */
  watch(onEmpty: () => void): void {
    this.#onEmpty = onEmpty
    this.#link.unref()
  }

  /** Nobody waits for it any more. */
  end(): void {
    this.#onEmpty = undefined
    this.#link.ref()
  }

  #empty(): void {
    const onEmpty = this.#onEmpty
    // Before anything else: without it the process would end now.
    this.end()
    onEmpty?.()
  }
}
