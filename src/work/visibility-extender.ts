/**
 * Keeps deliveries from expiring while a worker runs them, or while an earlier one of their lane does: at half of the time left they
 * are extended, all that are due in one call. Stops at `exec_ttl`. A delivery that could not be extended is lost: its source delivers
 * it again, so its answer must not be settled.
 */
import { type Clock, type Logger, messageOf, type Timer } from '../index.js'
import type { Delivery, Source } from './source.js'

/** Options of an extender. */
export interface ExtenderOptions {
  /** `Source.extend`. */
  readonly extend: NonNullable<Source['extend']>
  readonly clock: Clock
  readonly log: Logger
  /** The longest run of a job in ms; nothing is extended beyond it. */
  readonly execTtlMs: number
  /** Called with each delivery that was lost, once it is forgotten: nobody settles or releases it. */
  readonly onLost?: (delivery: Delivery) => void
}

interface ExtendedDelivery {
  readonly delivery: Delivery
  /** Ms by which it is extended: what its source granted at first. */
  readonly grantedMs: number
  expiresAtMs: number
  /** Half of the time left; undefined until it is held. */
  dueAtMs: number | undefined
  /** No extension goes beyond it. */
  untilMs: number
  isLost: boolean
}

// Deliveries that are due within this time are extended in the same call.
const togetherMs = 1000
// Else a delivery that is about to expire would be extended again and again.
const againMsMin = 50

/** One extender. */
export class VisibilityExtender {
  readonly #options: ExtenderOptions
  readonly #entries = new Map<Delivery, ExtendedDelivery>()
  #timer: Timer | undefined
  #timerAtMs = Number.POSITIVE_INFINITY

  constructor(options: ExtenderOptions) {
    this.#options = options
  }

  /** Tracks these deliveries until `drop`. Deliveries that do not expire, and tracked ones, are ignored. */
  track(deliveries: readonly Delivery[]): void {
    const nowMs = this.#options.clock.nowMs()
    for (const delivery of deliveries) {
      const { expiresAtMs } = delivery
      if (expiresAtMs === undefined || this.#entries.has(delivery)) continue
      const grantedMs = expiresAtMs - nowMs
      const entry = { delivery, grantedMs, expiresAtMs, dueAtMs: undefined, untilMs: 0, isLost: false }
      this.#entries.set(delivery, entry)
    }
  }

  /** Extends these from now on: the next job of their lane begins. */
  hold(deliveries: readonly Delivery[]): void {
    const nowMs = this.#options.clock.nowMs()
    for (const delivery of deliveries) {
      const entry = this.#entries.get(delivery)
      if (entry === undefined) continue
      entry.untilMs = nowMs + this.#options.execTtlMs
      entry.dueAtMs ??= halfway(nowMs, entry.expiresAtMs)
    }
    this.#arm()
  }

  /** Forgets a delivery that is settled or released; true when it was lost, and must be neither. */
  drop(delivery: Delivery): boolean {
    const entry = this.#entries.get(delivery)
    if (entry === undefined) return false
    this.#entries.delete(delivery)
    if (this.#entries.size === 0) this.#disarm()
    const isLost = entry.isLost || this.#options.clock.nowMs() >= entry.expiresAtMs
    if (isLost) this.#options.onLost?.(delivery)
    return isLost
  }

  #arm(): void {
    let atMs = Number.POSITIVE_INFINITY
    for (const { dueAtMs } of this.#entries.values()) atMs = Math.min(atMs, dueAtMs ?? atMs)
    if (atMs >= this.#timerAtMs || atMs === Number.POSITIVE_INFINITY) return
    this.#disarm()
    this.#timerAtMs = atMs
    // Source and server agree on the wall clock: time in which we were frozen counts.
    const delayMs = atMs - this.#options.clock.nowMs()
    this.#timer = this.#options.clock.timer(delayMs, () => this.#fire(), { isWall: true })
  }

  #disarm(): void {
    this.#timer?.clear()
    this.#timer = undefined
    this.#timerAtMs = Number.POSITIVE_INFINITY
  }

  #fire(): void {
    this.#disarm()
    const nowMs = this.#options.clock.nowMs()
    const due: ExtendedDelivery[] = []
    for (const entry of this.#entries.values()) {
      if (entry.dueAtMs === undefined || entry.dueAtMs > nowMs + togetherMs) continue
      entry.dueAtMs = undefined
      if (nowMs >= entry.expiresAtMs) entry.isLost = true
      else if (nowMs < entry.untilMs) due.push(entry)
    }
    if (due.length > 0) void this.#extend(due, nowMs)
    this.#arm()
  }

  /** Extends by the longest time that one of them was granted, but not beyond the longest time that a job may take. */
  async #extend(due: readonly ExtendedDelivery[], nowMs: number): Promise<void> {
    const { extend, clock, log } = this.#options
    const untilMs = Math.max(...due.map((entry) => entry.untilMs))
    const grantedMs = Math.max(...due.map((entry) => entry.grantedMs))
    const byMs = Math.min(grantedMs, untilMs - nowMs)
    // The source counts from some time during the call; its start is the earliest.
    try {
      const faults = await extend(
        due.map(({ delivery }) => delivery),
        byMs,
      )
      for (const [at, entry] of due.entries()) this.#extended(entry, faults[at], nowMs + byMs)
    } catch (error) {
      log.warn(
        { error: messageOf(error), count: due.length },
        'deliveries could not be extended, trying again',
      )
      for (const entry of due) {
        const nextMs = halfway(clock.nowMs(), entry.expiresAtMs)
        entry.dueAtMs = Math.max(nextMs, clock.nowMs() + againMsMin)
      }
    }
    this.#arm()
  }

  #extended(entry: ExtendedDelivery, fault: Error | undefined, expiresAtMs: number): void {
    // Settled or released during the call.
    if (this.#entries.get(entry.delivery) !== entry) return
    if (fault === undefined) {
      entry.expiresAtMs = expiresAtMs
      entry.dueAtMs = halfway(this.#options.clock.nowMs(), expiresAtMs)
      return
    }
    entry.isLost = true
    const fields = { job: entry.delivery.id, error: messageOf(fault) }
    this.#options.log.warn(fields, 'a delivery could not be extended: it is lost and will be delivered again')
  }
}

function halfway(nowMs: number, endMs: number): number {
  return nowMs + (endMs - nowMs) / 2
}
