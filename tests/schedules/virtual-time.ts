/**
 * Time that moves by itself whenever nothing else does: the event loop is turned until nobody has reported activity for a while, then
 * the clock jumps to its next timer. Real sockets and real promises stay what they are; only waiting is free.
 */
import type { Clock, Timer } from '../../src/core/clock.js'

// A write on loopback is readable at the next turn; a few more let both ends finish what they began.
const quietTurns = 12
// No timer of ours waits for the real world; a module that is loaded for the first time does.
const patienceMs = 5000
const startMs = 1_800_000_000_000

interface Entry {
  readonly atMs: number
  readonly run: () => void
}

/** A clock and the engine that drives it. */
export class VirtualTime implements Clock {
  #nowMs = startMs
  #activity = 0
  readonly #entries = new Set<Entry>()

  nowMs(): number {
    return this.#nowMs
  }

  monotonicMs(): number {
    return this.#nowMs - startMs
  }

  /** Timers that have neither fired nor been cleared. */
  get timerCount(): number {
    return this.#entries.size
  }

  timer(delayMs: number, run: () => void): Timer {
    const entry = { atMs: this.#nowMs + Math.max(0, delayMs), run }
    this.#entries.add(entry)
    return { clear: () => void this.#entries.delete(entry) }
  }

  /** Makes the clock wait: something happened that may lead to more. */
  touch(): void {
    this.#activity += 1
  }

  /** Time goes by while nobody is awake: timers that were due fire late, at the next turn. */
  freeze(ms: number): void {
    this.#nowMs += ms
  }

  /** Turns the loop and moves the clock until `isOver`. Throws when nothing is left to wait for, or too much time has gone by. */
  async run(isOver: () => boolean, msMax: number): Promise<void> {
    const endMs = this.#nowMs + msMax
    while (!isOver()) {
      await this.#settle()
      if (isOver()) return
      const next = this.#next() ?? (await this.#patience(isOver))
      if (next === undefined) return
      if (next.atMs > endMs) throw new Error(`not over after ${msMax} ms`)
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      this.#entries.delete(next)
      next.run()
    }
  }

  async #settle(): Promise<void> {
    for (let quiet = 0, seen = this.#activity; quiet < quietTurns; quiet += 1) {
      await new Promise((resolve) => setImmediate(resolve))
      if (seen === this.#activity) continue
      seen = this.#activity
      quiet = 0
    }
  }

  /** No timer is left: whoever is at work (a module that loads) is given real time. */
  async #patience(isOver: () => boolean): Promise<Entry | undefined> {
    const giveUpAt = performance.now() + patienceMs
    while (performance.now() < giveUpAt && !isOver()) {
      await this.#settle()
      const next = this.#next()
      if (next !== undefined) return next
    }
    if (isOver()) return undefined
    throw new Error('everything waits, and nothing can happen any more')
  }

  #next(): Entry | undefined {
    let first: Entry | undefined
    for (const entry of this.#entries) if (first === undefined || entry.atMs < first.atMs) first = entry
    return first
  }
}
