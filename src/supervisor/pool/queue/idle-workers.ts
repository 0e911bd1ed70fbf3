/** Idle workers of a pool in the order in which they became idle: taking the first makes it round-robin. */
import type { Worker } from '../../worker/worker.js'

/** Idle workers of one pool; one can leave from the middle. */
export class IdleWorkers {
  // A Set keeps the order of insertion and forgets in constant time.
  readonly #workers = new Set<Worker>()

  get size(): number {
    return this.#workers.size
  }

  /** Iterates over the workers in their order. */
  [Symbol.iterator](): Iterator<Worker> {
    return this.#workers.values()
  }

  /** Adds a worker at the end. */
  add(worker: Worker): void {
    this.#workers.add(worker)
  }

  /** Takes the worker that has idled longest; undefined when none is idle. */
  take(): Worker | undefined {
    for (const worker of this.#workers) {
      this.#workers.delete(worker)
      return worker
    }
    return undefined
  }

  /** Removes a worker that is not taken; false when it was not idle. */
  remove(worker: Worker): boolean {
    return this.#workers.delete(worker)
  }
}
