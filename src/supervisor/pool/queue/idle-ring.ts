/** The idle workers of a pool in the order in which they became idle: taking the first makes it round-robin. */
import type { Worker } from '../../worker/worker.js'

/** A queue from whose middle a worker can leave. */
export class IdleRing {
  // A Set keeps the order of insertion and forgets in constant time.
  readonly #workers = new Set<Worker>()

  get size(): number {
    return this.#workers.size
  }

  /** In their order. */
  [Symbol.iterator](): Iterator<Worker> {
    return this.#workers.values()
  }

  /** To the back. */
  add(worker: Worker): void {
    this.#workers.add(worker)
  }

  /** From the front. */
  take(): Worker | undefined {
    for (const worker of this.#workers) {
      this.#workers.delete(worker)
      return worker
    }
    return undefined
  }

  /** It left without being taken; false when it was not here. */
  remove(worker: Worker): boolean {
    return this.#workers.delete(worker)
  }
}
