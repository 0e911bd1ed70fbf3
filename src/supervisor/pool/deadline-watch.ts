/**
 * One timer for all marks of a pool's jobs: their warnings and their limits. It is set to the earliest one and set again only
 * when it fires or an earlier one comes, so that a job costs no timer of its own (they cost more than the rest of the
 * hand-off). It asks the workers when it fires, so being late, as after a freeze, is harmless.
 */
import type { Clock, Timer } from '../../core/clock.js'

/** What has marks on the way to its end. */
export interface Marked {
  /** Monotonic ms of the next one; Infinity when there is none. */
  readonly markAt: number
  /** Acts if it has come, and moves on to the next. */
  reachMark(nowMonotonicMs: number): void
}

/** Watches whatever `all` lists. */
export class DeadlineWatch {
  readonly #clock: Clock
  readonly #all: () => Iterable<Marked>
  #timer: Timer | undefined
  #firesAt = Number.POSITIVE_INFINITY

  constructor(options: { readonly clock: Clock; readonly all: () => Iterable<Marked> }) {
    this.#clock = options.clock
    this.#all = options.all
  }

  /** There is a new mark. */
  add(markAt: number): void {
    if (markAt < this.#firesAt) this.#arm(markAt)
  }

  close(): void {
    this.#timer?.clear()
    this.#firesAt = Number.POSITIVE_INFINITY
  }

  #arm(markAt: number): void {
    this.#timer?.clear()
    this.#firesAt = markAt
    const delayMs = Math.max(0, Math.ceil(markAt - this.#clock.monotonicMs()))
    // Whoever set the deadline counts on while the machine is busy, and freezes nobody within an event.
    this.#timer = this.#clock.timer(delayMs, () => this.#fire(), { isWall: true })
  }

  #fire(): void {
    this.#firesAt = Number.POSITIVE_INFINITY
    const now = this.#clock.monotonicMs()
    let next = Number.POSITIVE_INFINITY
    for (const one of this.#all()) {
      one.reachMark(now)
      next = Math.min(next, one.markAt)
    }
    if (next !== Number.POSITIVE_INFINITY) this.#arm(next)
  }
}
