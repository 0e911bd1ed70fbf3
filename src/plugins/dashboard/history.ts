/**
 * Throughput, failures and latency of the last hour, in slots of ten seconds: fixed rings, a few kilobytes a pool. Counts are read from the
 * pools once a slot. Latency is measured on the jobs of the first half second of a slot, and on further ones until there are enough: a
 * server that runs thousands a second does not pay for each.
 */
import type { Clock, LiveStateService, Timer, Undo } from '../../index.js'

/** Services that the history reads. */
export interface HistoryOptions {
  readonly live: Pick<LiveStateService, 'totals' | 'latencies'>
  readonly clock: Clock
}

/** Length of a slot in ms. */
export const slotMs = 10_000
/** Slots of an hour. */
export const slotsMax = 360

const measuredMsMin = 500
const measuredMin = 100

/** The last hour of one pool, oldest slot first; a slot without jobs has no latency. */
export interface PoolHistory {
  readonly pool: string
  readonly jobs: readonly number[]
  readonly failed: readonly number[]
  readonly waiting: readonly number[]
  readonly p50: readonly (number | null)[]
  readonly p95: readonly (number | null)[]
}

/** The last hour of all pools. */
export interface HistoryDocument {
  readonly slot_ms: number
  readonly pools: readonly PoolHistory[]
}

// From 2^-4 ms in steps of a quarter of a power of two: 25 hours are step 98.
const stepsMax = 100
const perPower = 4
const firstPower = -4

/** Rings of one pool. */
class Rings {
  readonly jobs = new Float64Array(slotsMax)
  readonly failed = new Float64Array(slotsMax)
  readonly waiting = new Float64Array(slotsMax)
  readonly p50 = new Float64Array(slotsMax).fill(Number.NaN)
  readonly p95 = new Float64Array(slotsMax).fill(Number.NaN)
  readonly steps = new Uint32Array(stepsMax)
  jobsBefore: number
  failedBefore: number
  isOpen = true

  constructor(jobs: number, failed: number) {
    this.jobsBefore = jobs
    this.failedBefore = failed
  }
}

/** The history of one server. */
export class History {
  readonly #options: HistoryOptions
  readonly #rings = new Map<string, Rings>()
  #count = 0
  #measured = 0
  #measuredUntil = 0
  #endMeasuring: Undo | undefined
  #timer: Timer | undefined

  constructor(options: HistoryOptions) {
    this.#options = options
    for (const { pool, jobs, failed } of options.live.totals()) this.#rings.set(pool, new Rings(jobs, failed))
    this.#wait()
  }

  /** The last hour. */
  document(): HistoryDocument {
    return { slot_ms: slotMs, pools: [...this.#rings].map(([pool, rings]) => this.#pool(pool, rings)) }
  }

  /** Ends it. */
  close(): void {
    this.#timer?.clear()
    this.#stopMeasuring()
  }

  #took(pool: string, tookMs: number): void {
    const rings = this.#rings.get(pool)
    if (rings === undefined) return
    const step = Math.ceil((Math.log2(Math.max(tookMs, 2 ** firstPower)) - firstPower) * perPower)
    const at = Math.min(stepsMax - 1, step)
    rings.steps[at] = (rings.steps[at] ?? 0) + 1
    this.#measured += 1
    if (this.#measured >= measuredMin && this.#options.clock.monotonicMs() >= this.#measuredUntil)
      this.#stopMeasuring()
  }

  /** Long jobs are seen, too: measuring goes on for half a second, or until there are enough. */
  #measure(): void {
    this.#stopMeasuring()
    this.#measured = 0
    this.#measuredUntil = this.#options.clock.monotonicMs() + measuredMsMin
    this.#endMeasuring = this.#options.live.latencies((pool, tookMs) => this.#took(pool, tookMs))
  }

  #stopMeasuring(): void {
    this.#endMeasuring?.()
    this.#endMeasuring = undefined
  }

  #wait(): void {
    this.#measure()
    this.#timer = this.#options.clock.timer(slotMs, () => this.#endSlot(), { unref: true })
  }

  /** Ends the slot and begins the next. Called by its timer; a late one makes a longer slot. */
  #endSlot(): void {
    this.#wait()
    const at = this.#count % slotsMax
    this.#count += 1
    for (const { pool, jobs, failed, waiting } of this.#options.live.totals()) {
      const rings = this.#rings.get(pool) ?? new Rings(jobs, failed)
      this.#rings.set(pool, rings)
      rings.jobs[at] = jobs - rings.jobsBefore
      rings.failed[at] = failed - rings.failedBefore
      rings.waiting[at] = waiting
      rings.p50[at] = quantile(rings.steps, 0.5)
      rings.p95[at] = quantile(rings.steps, 0.95)
      rings.jobsBefore = jobs
      rings.failedBefore = failed
      rings.steps.fill(0)
    }
  }

  #pool(pool: string, { jobs, failed, waiting, p50, p95 }: Rings): PoolHistory {
    const first = this.#count > slotsMax ? this.#count % slotsMax : 0
    const length = Math.min(this.#count, slotsMax)
    const inOrder = (ring: Float64Array) =>
      Array.from({ length }, (_, n) => ring[(first + n) % slotsMax] ?? 0)
    const orNull = (value: number) => (Number.isNaN(value) ? null : Math.round(value * 100) / 100)
    return {
      pool,
      jobs: inOrder(jobs),
      failed: inOrder(failed),
      waiting: inOrder(waiting),
      p50: inOrder(p50).map(orNull),
      p95: inOrder(p95).map(orNull),
    }
  }
}

/** The upper end of the step in which the quantile lies, in ms; NaN without jobs. */
function quantile(steps: Uint32Array, share: number): number {
  const total = steps.reduce((sum, one) => sum + one, 0)
  if (total === 0) return Number.NaN
  let seen = 0
  for (const [step, one] of steps.entries()) {
    seen += one
    if (seen >= total * share) return 2 ** (step / perPower + firstPower)
  }
  return Number.NaN
}
