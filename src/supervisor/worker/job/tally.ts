/** Counts what became of a worker's jobs, and wakes whoever waits for a number of them. */

/** What became of a worker's jobs. */
export interface JobScore {
  readonly answered: number
  /** Among the answered: ERROR frames, and the job that it died of. */
  readonly failed: number
  /** It has left or fallen. */
  readonly isGone: boolean
  /** It left in peace, after a limit of its own or because it asked to. */
  readonly hasLeftInPeace: boolean
  /** It is at work on a job. */
  readonly isBusy: boolean
}

/** The tally of one worker. */
export class JobTally {
  #answered = 0
  #failed = 0
  readonly #waiters = new Map<() => void, number>()

  /** Jobs that have an outcome. */
  get answered(): number {
    return this.#answered
  }

  /** Those of them that failed. */
  get failed(): number {
    return this.#failed
  }

  /** One more job has an outcome. */
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

  /** There will be no more. */
  end(): void {
    for (const wake of this.#waiters.keys()) this.#wake(wake)
  }

  #wake(wake: () => void): void {
    this.#waiters.delete(wake)
    wake()
  }
}
