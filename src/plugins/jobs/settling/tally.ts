/** Numbers of what became of the jobs of one pipeline since the server's start. */

/** Counts of ends. */
export interface Tally {
  /** Acknowledged. */
  done: number
  /** To be tried again. */
  retried: number
  /** Failed for good: moved to the `dead` pipeline, left to the queue's policy, or kept. */
  failed: number
  /** Acknowledged without having been done: a worker gave them up, or they were acknowledged before they ran. */
  dropped: number
  /** Expired while a worker ran them; the queue delivers them again. */
  lost: number
}

/** Makes counts of nothing. */
export function newTally(): Tally {
  return { done: 0, retried: 0, failed: 0, dropped: 0, lost: 0 }
}

const secondsInMinute = 60

/** Counts events of the last minute, to the second. */
export class MinuteRate {
  readonly #counts = new Map<number, number>()

  /** Counts events that happen now. */
  add(count: number, nowMs: number): void {
    const second = Math.floor(nowMs / 1000)
    const known = this.#counts.get(second)
    this.#counts.set(second, (known ?? 0) + count)
    if (known === undefined) this.#forget(second)
  }

  /** Number of events within the last 60 s. */
  perMinute(nowMs: number): number {
    this.#forget(Math.floor(nowMs / 1000))
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0)
  }

  /** Seconds are in the order in which they came: the first young one ends the sweep. */
  #forget(second: number): void {
    for (const old of this.#counts.keys()) {
      if (old > second - secondsInMinute) return
      this.#counts.delete(old)
    }
  }
}
