/** Keeps one connection to a queue: made with the first call that needs it, and made again with the next one after it was lost. */

/** Options of a connection. */
export interface KeptLinkOptions<T> {
  readonly connect: () => Promise<T>
  /** True for a connection of which nothing more can be expected. */
  readonly isLost: (link: T) => boolean
}

/** A connection that is kept. Calls that come while it is being made share it. */
export class KeptLink<T> {
  readonly #options: KeptLinkOptions<T>
  #link: Promise<T> | undefined
  #isClosed = false

  constructor(options: KeptLinkOptions<T>) {
    this.#options = options
  }

  /** Resolves with the connection. Rejects as `connect` does, and after `close`. */
  async get(): Promise<T> {
    if (this.#isClosed) throw new Error('the pipeline is closed')
    const { connect, isLost } = this.#options
    const known = this.#link
    if (known !== undefined) {
      const link = await known
      if (!isLost(link)) return link
      this.#forget(known)
    }
    if (this.#link === undefined) {
      const made = connect()
      this.#link = made
      made.catch(() => this.#forget(made))
    }
    return this.#link
  }

  /** Resolves with the connection that is there or being made, lost or not; undefined: there is none. Never rejects. */
  async peek(): Promise<T | undefined> {
    try {
      return await this.#link
    } catch {
      // The call that asked for it was told.
      return undefined
    }
  }

  /** Makes no further connection; resolves with the last one, which its owner ends. Never rejects. */
  close(): Promise<T | undefined> {
    this.#isClosed = true
    return this.peek()
  }

  #forget(link: Promise<T>): void {
    if (this.#link === link) this.#link = undefined
  }
}
