/**
 * A clock that does not count the time in which the process was frozen. Lambda freezes its environments between events for
 * minutes while the system's clocks run on, so that on waking every timer is late at once; none of that lateness says anything
 * about a worker. Deadlines by the wall clock stay what they are.
 */
import type { Clock, Timer } from './clock.js'

/** The longest wait of one underlying timer in ms: a freeze is noticed to within as much. */
export const sliceMs = 500
/** A timer that is later than this, in ms, was frozen: a busy event loop is late by less. */
export const lateMsMax = 1000

interface Entry {
  readonly dueAt: number
  readonly run: () => void
  readonly isRef: boolean
}

/** Wraps a clock; all timers share one underlying timer, which runs only while there are any. */
export class AwakeClock implements Clock {
  readonly #inner: Clock
  readonly #entries = new Set<Entry>()
  #frozenMs = 0
  #tick: { readonly timer: Timer; readonly at: number; readonly isRef: boolean } | undefined

  constructor(inner: Clock) {
    this.#inner = inner
  }

  /** What has not been counted so far, in ms. */
  get frozenMs(): number {
    return this.#frozenMs
  }

  nowMs(): number {
    return this.#inner.nowMs()
  }

  monotonicMs(): number {
    return this.#inner.monotonicMs() - this.#frozenMs
  }

  timer(delayMs: number, run: () => void, options?: { readonly unref?: boolean }): Timer {
    const entry = {
      dueAt: this.monotonicMs() + Math.max(0, delayMs),
      run,
      isRef: options?.unref !== true,
    }
    this.#entries.add(entry)
    const tick = this.#tick
    if (tick === undefined || entry.dueAt < tick.at || (entry.isRef && !tick.isRef)) this.#arm()
    // The tick stays: that it finds nothing to do costs less than setting it anew for every event.
    return { clear: () => void this.#entries.delete(entry) }
  }

  #arm(): void {
    this.#tick?.timer.clear()
    this.#tick = undefined
    if (this.#entries.size === 0) return
    const now = this.monotonicMs()
    let at = now + sliceMs
    let isRef = false
    for (const entry of this.#entries) {
      at = Math.min(at, Math.max(now, entry.dueAt))
      isRef ||= entry.isRef
    }
    const timer = this.#inner.timer(at - now, () => this.#fire(), { unref: !isRef })
    this.#tick = { timer, at, isRef }
  }

  #fire(): void {
    const lateMs = this.monotonicMs() - (this.#tick?.at ?? 0)
    if (lateMs > lateMsMax) this.#frozenMs += lateMs
    this.#tick = undefined
    const now = this.monotonicMs()
    const due = [...this.#entries].filter((entry) => entry.dueAt <= now).sort((a, b) => a.dueAt - b.dueAt)
    for (const entry of due) {
      // An earlier one may have cleared it.
      if (this.#entries.delete(entry)) entry.run()
    }
    this.#arm()
  }
}
