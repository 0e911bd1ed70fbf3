/** Counts the answered and failed jobs of a worker, and wakes callers that wait for a number of them. */

/** Counts of a worker's jobs. */
export interface JobScore {
  readonly answered: number
  /** Answered jobs that failed: ERROR frames, and the job during which the worker died. */
  readonly failed: number
  /** True when the worker has ended. */
  readonly isGone: boolean
  /** True when it left after a limit of its own or because it asked to. */
  readonly hasLeftInPeace: boolean
  /** True while it runs a job. */
  readonly isBusy: boolean
}

/** Tally of one worker's jobs. */
export class JobTally {
  #answered = 0
  #failed = 0
  readonly #waiters = new Map<() => void, number>()

  /** Jobs that have an outcome. */
  get answered(): number {
    return this.#answered
  }

  /** Jobs among them that failed. */
  get failed(): number {
    return this.#failed
  }

  /** Counts one more job with an outcome. */
  add(isFault: boolean): void {
    this.#answered += 1
    if (isFault) this.#failed += 1
    for (const [wake, count] of this.#waiters) if (this.#answered >= count) this.#wake(wake)
  }

  /** Resolves when `count` jobs have been answered, or at `end`. */
  reach(count: number): Promise<void> {
    if (this.#answered >= count) return Promise.resolve()
    return new Promise((resolve) => void this.#waiters.set(resolve, count))
  }

  /** Wakes all who wait: no more jobs will be answered. */
  end(): void {
    for (const wake of this.#waiters.keys()) this.#wake(wake)
  }

  #wake(wake: () => void): void {
    this.#waiters.delete(wake)
    wake()
  }
}
