/**
 * Clock that does not count time in which the process did not run. A sandbox is frozen between events for minutes, a
 * laptop is closed, a machine paused, a process stopped (SIGSTOP). The system's clocks run on meanwhile, so every timer is late
 * on waking, which says nothing about a worker. Deadlines by the wall clock stay unchanged.
 */
import type { Clock, Timer, TimerOptions } from './clock.js'

/** The longest wait of one underlying timer in ms: a freeze is noticed to within as much. */
export const sliceMs = 500
/** A timer that is later than this, in ms, was frozen: a busy event loop is late by less. */
export const lateMsMax = 500

interface ClockTimer {
  /** Due time by our own count of time, or by the inner clock's when it `isWall`. */
  readonly dueAt: number
  readonly isWall: boolean
  readonly run: () => void
  readonly isRef: boolean
}

/** Wraps a clock; all timers share one underlying timer, which runs only while there are any. */
export class AwakeClock implements Clock {
  readonly #inner: Clock
  readonly #entries = new Set<ClockTimer>()
  #frozenMs = 0
  #tick: { readonly timer: Timer; readonly at: number; readonly isRef: boolean } | undefined

  constructor(inner: Clock) {
    this.#inner = inner
  }

  /** Time in ms that has not been counted so far. */
  get frozenMs(): number {
    return this.#frozenMs
  }

  nowMs(): number {
    return this.#inner.nowMs()
  }

  monotonicMs(): number {
    const now = this.#inner.monotonicMs() - this.#frozenMs
    // On waking the event is read first and the late timers run after it: who asks in between must not get the frozen time.
    const lateMs = this.#tick === undefined ? 0 : now - this.#tick.at
    if (lateMs <= lateMsMax) return now
    this.#frozenMs += lateMs
    return now - lateMs
  }

  timer(delayMs: number, run: () => void, options?: TimerOptions): Timer {
    const isWall = options?.isWall === true
    const now = this.monotonicMs()
    const entry = {
      dueAt: (isWall ? this.#inner.monotonicMs() : now) + Math.max(0, delayMs),
      isWall,
      run,
      isRef: options?.unref !== true,
    }
    this.#entries.add(entry)
    const tick = this.#tick
    const at = Math.min(now + Math.max(0, delayMs), now + sliceMs, tick?.at ?? Number.POSITIVE_INFINITY)
    // Without iterating over all of them: there may be one for each of thousands of waiting callers.
    if (tick === undefined || at < tick.at || (entry.isRef && !tick.isRef))
      this.#setTick(now, at, entry.isRef || tick?.isRef === true)
    // The tick stays: that it finds nothing to do costs less than setting it anew for every event.
    return { clear: () => void this.#entries.delete(entry) }
  }

  /** Due time of an entry by this clock's own count. */
  #dueAt({ dueAt, isWall }: ClockTimer): number {
    return isWall ? dueAt - this.#frozenMs : dueAt
  }

  #arm(): void {
    this.#tick?.timer.clear()
    this.#tick = undefined
    if (this.#entries.size === 0) return
    const now = this.monotonicMs()
    let at = now + sliceMs
    let isRef = false
    for (const entry of this.#entries) {
      at = Math.min(at, Math.max(now, this.#dueAt(entry)))
      isRef ||= entry.isRef
    }
    this.#setTick(now, at, isRef)
  }

  #setTick(now: number, at: number, isRef: boolean): void {
    this.#tick?.timer.clear()
    const timer = this.#inner.timer(at - now, () => this.#fire(), { unref: !isRef })
    this.#tick = { timer, at, isRef }
  }

  #fire(): void {
    const now = this.monotonicMs()
    this.#tick = undefined
    const due = [...this.#entries]
      .filter((entry) => this.#dueAt(entry) <= now)
      .sort((a, b) => this.#dueAt(a) - this.#dueAt(b))
    for (const entry of due) {
      // An earlier one may have cleared it.
      if (this.#entries.delete(entry)) entry.run()
    }
    this.#arm()
  }
}
