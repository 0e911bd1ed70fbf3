/** Those who wait for something to happen in a pool, each of whom can give up. */

/** A set of waiters that are woken together. */
export class Waiters {
  readonly #wakes = new Set<() => void>()

  /** Resolves with the next `wake`, or when `signal` aborts. Never rejects. */
  wait(signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve()
    return new Promise((resolve) => {
      const done = () => {
        this.#wakes.delete(done)
        signal?.removeEventListener('abort', done)
        resolve()
      }
      this.#wakes.add(done)
      signal?.addEventListener('abort', done, { once: true })
    })
  }

  /** Resolves once `isTrue` says so; asked now and at every `wake`. */
  async until(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) await this.wait()
  }

  wake(): void {
    for (const done of [...this.#wakes]) done()
  }
}
