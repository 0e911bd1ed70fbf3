/** Time that stands still until a test moves it. */
import type { Clock } from '../../src/core/clock.js'

/** A clock whose timers fire when `advance` reaches them. */
export class ManualClock implements Clock {
  #nowMs = 0
  readonly #timers = new Set<{ readonly atMs: number; readonly run: () => void }>()

  nowMs(): number {
    return this.#nowMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  /** Timers that have neither fired nor been cleared. */
  get timerCount(): number {
    return this.#timers.size
  }

  timer(delayMs: number, run: () => void) {
    const timer = { atMs: this.#nowMs + delayMs, run }
    this.#timers.add(timer)
    return { clear: () => void this.#timers.delete(timer) }
  }

  /** Moves the time; `before` runs at the new time and before the timers that are due. */
  advance(byMs: number, before: () => void = () => undefined): void {
    this.#nowMs += byMs
    before()
    for (const timer of [...this.#timers]) {
      if (timer.atMs > this.#nowMs || !this.#timers.delete(timer)) continue
      timer.run()
    }
  }
}
