/**
 * One timer for the warnings and the limits of all jobs of a pool. It is set to the earliest one and set again only when it fires
 * or an earlier one comes, so that a job costs no timer of its own (they cost more than the rest of the hand-off). It asks the
 * workers when it fires, so being late, as after a freeze, is harmless.
 */
import type { Clock, Timer } from '../../core/clock.js'

/** A worker with the time of the next warning or limit of its running job. */
export interface Due {
  /** Monotonic ms of the next warning or limit; Infinity when there is none. */
  readonly dueAt: number
  /** Warns or ends the job if that time has come. */
  onDue(nowMonotonicMs: number): void
}

/** Watches all that `all` lists. */
export class DeadlineWatch {
  readonly #clock: Clock
  readonly #all: () => Iterable<Due>
  #timer: Timer | undefined
  #firesAt = Number.POSITIVE_INFINITY

  constructor(options: { readonly clock: Clock; readonly all: () => Iterable<Due> }) {
    this.#clock = options.clock
    this.#all = options.all
  }

  /** Watches for a time that may be earlier than all others. */
  add(dueAt: number): void {
    if (dueAt < this.#firesAt) this.#arm(dueAt)
  }

  close(): void {
    this.#timer?.clear()
    this.#firesAt = Number.POSITIVE_INFINITY
  }

  #arm(dueAt: number): void {
    this.#timer?.clear()
    this.#firesAt = dueAt
    const delayMs = Math.max(0, Math.ceil(dueAt - this.#clock.monotonicMs()))
    // The deadline's clock goes on while this machine is busy, and no event is frozen while it runs.
    this.#timer = this.#clock.timer(delayMs, () => this.#fire(), { isWall: true })
  }

  #fire(): void {
    this.#firesAt = Number.POSITIVE_INFINITY
    const now = this.#clock.monotonicMs()
    let next = Number.POSITIVE_INFINITY
    for (const one of this.#all()) {
      one.onDue(now)
      next = Math.min(next, one.dueAt)
    }
    // Callers of jobs that have just ended may have begun others meanwhile, on workers that were asked before.
    this.add(next)
  }
}
