/** Callers that wait for a change in a pool, each of which can cancel its wait. */
import { onAbort } from '../../../core/abort.js'

/** A set of waiters that are woken together. */
export class Waiters {
  /** Wakes of the waiters, with the time since which each waits. */
  readonly #wakes = new Map<() => void, number>()

  get size(): number {
    return this.#wakes.size
  }

  /** Time at which the longest wait began; undefined when no caller waits. */
  get oldestSince(): number | undefined {
    let oldest: number | undefined
    for (const since of this.#wakes.values()) if (oldest === undefined || since < oldest) oldest = since
    return oldest
  }

  /** Resolves with the next `wake`, or when `signal` aborts. Never rejects. `since` is for `oldestSince`. */
  wait(signal?: AbortSignal, since = 0): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve()
    return new Promise((resolve) => {
      const done = () => {
        this.#wakes.delete(done)
        stopListening()
        resolve()
      }
      this.#wakes.set(done, since)
      const stopListening = onAbort(signal, done)
    })
  }

  /** Resolves once `isTrue` returns true; it is called now and at every `wake`. */
  async until(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) await this.wait()
  }

  wake(): void {
    for (const done of [...this.#wakes.keys()]) done()
  }
}
