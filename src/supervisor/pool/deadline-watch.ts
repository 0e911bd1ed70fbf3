/**
 * One timer for all deadlines of a pool. It is set to the earliest one and set again only when it fires or an earlier
 * one comes, so that a job costs no timer of its own (they cost more than the rest of the hand-off). It asks the workers
 * when it fires, so being late, as after Lambda froze us, is harmless.
 */
import type { Clock, Timer } from '../../core/clock.js'

/** What has a deadline. */
export interface Expirable {
  /** Monotonic ms; Infinity when there is none. */
  readonly deadlineAt: number
  /** Acts if the deadline has passed. */
  expire(nowMonotonicMs: number): boolean
}

/** Watches whatever `all` lists. */
export class DeadlineWatch {
  readonly #clock: Clock
  readonly #all: () => Iterable<Expirable>
  #timer: Timer | undefined
  #firesAt = Number.POSITIVE_INFINITY

  constructor(options: { readonly clock: Clock; readonly all: () => Iterable<Expirable> }) {
    this.#clock = options.clock
    this.#all = options.all
  }

  /** There is a new deadline. */
  add(deadlineAt: number): void {
    if (deadlineAt < this.#firesAt) this.#arm(deadlineAt)
  }

  close(): void {
    this.#timer?.clear()
    this.#firesAt = Number.POSITIVE_INFINITY
  }

  #arm(deadlineAt: number): void {
    this.#timer?.clear()
    this.#firesAt = deadlineAt
    const delayMs = Math.max(0, Math.ceil(deadlineAt - this.#clock.monotonicMs()))
    // Lambda counts on while the machine is busy, and never freezes us within an event.
    this.#timer = this.#clock.timer(delayMs, () => this.#fire(), { isWall: true })
  }

  #fire(): void {
    this.#firesAt = Number.POSITIVE_INFINITY
    const now = this.#clock.monotonicMs()
    let next = Number.POSITIVE_INFINITY
    for (const one of this.#all()) {
      one.expire(now)
      next = Math.min(next, one.deadlineAt)
    }
    if (next !== Number.POSITIVE_INFINITY) this.#arm(next)
  }
}
