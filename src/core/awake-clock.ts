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

interface TimerFacts {
  /** Due time by our own count of time, or by the inner clock's when it `isWall`. */
  readonly dueAt: number
  readonly isWall: boolean
  readonly run: () => void
  readonly isRef: boolean
  /** Number of its kind: of two timers that are due together the older one runs first. */
  readonly id: number
}

/** Timers in no order. An array and not a Set, whose tables V8 makes anew, in the old heap, for timers that come and go. */
class TimerBag {
  readonly timers: ClockTimer[] = []

  add(timer: ClockTimer): void {
    timer.at = this.timers.push(timer) - 1
  }

  /** Removes a timer; false when it is not there any more. */
  delete(timer: ClockTimer): boolean {
    if (timer.at < 0) return false
    const last = this.timers.pop()
    if (last !== undefined && last !== timer) {
      this.timers[timer.at] = last
      last.at = timer.at
    }
    timer.at = -1
    return true
  }
}

class ClockTimer implements Timer {
  readonly facts: TimerFacts
  /** Index in the bag; -1 when it is not there. */
  at = -1
  readonly #bag: TimerBag

  constructor(facts: TimerFacts, bag: TimerBag) {
    this.facts = facts
    this.#bag = bag
    bag.add(this)
  }

  clear(): void {
    this.#bag.delete(this)
  }
}

/** Wraps a clock; all timers share one underlying timer, which runs only while there are any. */
export class AwakeClock implements Clock {
  readonly #inner: Clock
  readonly #bag = new TimerBag()
  #lastId = 0
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
    const isRef = options?.unref !== true
    const dueAt = (isWall ? this.#inner.monotonicMs() : now) + Math.max(0, delayMs)
    this.#lastId += 1
    const timer = new ClockTimer({ dueAt, isWall, run, isRef, id: this.#lastId }, this.#bag)
    const tick = this.#tick
    const at = Math.min(now + Math.max(0, delayMs), now + sliceMs, tick?.at ?? Number.POSITIVE_INFINITY)
    // Without iterating over all of them: there may be one for each of thousands of waiting callers.
    if (tick === undefined || at < tick.at || (isRef && !tick.isRef))
      this.#setTick(now, at, isRef || tick?.isRef === true)
    // When it is cleared, the tick stays: that it finds nothing to do costs less than setting it anew for every event.
    return timer
  }

  /** Due time of an entry by this clock's own count. */
  #dueAt({ facts }: ClockTimer): number {
    return facts.isWall ? facts.dueAt - this.#frozenMs : facts.dueAt
  }

  #arm(): void {
    this.#tick?.timer.clear()
    this.#tick = undefined
    if (this.#bag.timers.length === 0) return
    const now = this.monotonicMs()
    let at = now + sliceMs
    let isRef = false
    for (const timer of this.#bag.timers) {
      at = Math.min(at, Math.max(now, this.#dueAt(timer)))
      isRef ||= timer.facts.isRef
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
    const due = this.#bag.timers
      .filter((timer) => this.#dueAt(timer) <= now)
      .sort((a, b) => this.#dueAt(a) - this.#dueAt(b) || a.facts.id - b.facts.id)
    for (const timer of due) {
      // An earlier one may have cleared it.
      if (this.#bag.delete(timer)) timer.facts.run()
    }
    this.#arm()
  }
}
