/**
 * Grows a pool while callers wait, and gives workers back that nobody needs: looks at the pool when somebody begins to wait and
 * until the line is empty, and asks `scaler.ts` what follows.
 */
import type { Clock, Timer } from '../../../core/clock.js'
import type { Logger } from '../../../logging/logger.js'
import { planScale, type ScalePolicy, type ScaleStep, type ScaleView } from './scaler.js'

/** The pool as an autoscaler sees it. */
interface Scalable {
  readonly name: string
  /** All of a view but the time since the last growth. */
  view(nowMs: number): Omit<ScaleView, 'sinceGrowthMs'>
  /** Measures the memory anew; before a growth. */
  measure(): Promise<void>
  grow(count: number): void
  /** Gives workers back, and up to `empty` places in which none came up. */
  shrink(pids: readonly number[], empty: number): void
}

/** What an autoscaler is made of. */
export interface AutoscalerOptions {
  readonly pool: Scalable
  readonly policy: ScalePolicy
  readonly clock: Clock
  readonly log: Logger
}

// Often enough for a growth of a few workers a second, seldom enough to cost nothing.
const lookMsMin = 10
const idleLooks = 4

/** Grows and shrinks one pool. */
export class Autoscaler {
  readonly #options: AutoscalerOptions
  #timer: Timer | undefined
  #firesAt = Number.POSITIVE_INFINITY
  #grownAt = Number.NEGATIVE_INFINITY
  #isClosed = false

  constructor(options: AutoscalerOptions) {
    this.#options = options
  }

  /** Somebody begins to wait, or the pool is above its floor: look again before long. */
  poke(): void {
    const { policy } = this.#options
    this.#lookIn(Math.max(lookMsMin, policy.growAfterMs))
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.clear()
  }

  #lookIn(delayMs: number): void {
    const { clock } = this.#options
    const at = clock.monotonicMs() + delayMs
    if (this.#isClosed || at >= this.#firesAt) return
    this.#timer?.clear()
    this.#firesAt = at
    this.#timer = clock.timer(delayMs, () => void this.#look(), { unref: true })
  }

  async #look(): Promise<void> {
    const { pool, policy } = this.#options
    this.#firesAt = Number.POSITIVE_INFINITY
    if (this.#plan().kind === 'grow') {
      await pool.measure()
      if (this.#isClosed) return
    }
    this.#act(this.#plan())
    const { waiting, size } = pool.view(this.#options.clock.monotonicMs())
    this.#lookAgain(waiting > 0, size > policy.floor)
  }

  #plan(): ScaleStep {
    const { pool, policy, clock } = this.#options
    const nowMs = clock.monotonicMs()
    return planScale({ ...pool.view(nowMs), sinceGrowthMs: nowMs - this.#grownAt }, policy)
  }

  #act(step: ScaleStep): void {
    const { pool, policy, clock, log } = this.#options
    const nowMs = clock.monotonicMs()
    const { waiting, oldestMs, size: from } = pool.view(nowMs)
    if (step.kind === 'grow') {
      this.#grownAt = nowMs
      const facts = { pool: pool.name, by: step.by, from, ceiling: policy.ceiling, waiting }
      log.info({ ...facts, oldestMs: Math.round(oldestMs) }, 'the pool grows: callers wait for its workers')
      pool.grow(step.by)
    } else if (step.kind === 'shrink') {
      const facts = { pool: pool.name, pids: step.pids, empty: step.empty, from, floor: policy.floor }
      log.info({ ...facts, idleMsMax: policy.idleMsMax }, 'the pool shrinks: workers above its floor idled')
      pool.shrink(step.pids, step.empty)
    }
  }

  #lookAgain(isWaitedFor: boolean, isAboveFloor: boolean): void {
    const { policy } = this.#options
    if (isWaitedFor) this.#lookIn(Math.max(lookMsMin, Math.min(policy.growAfterMs, policy.coolDownMs)))
    else if (isAboveFloor) this.#lookIn(Math.max(lookMsMin, policy.idleMsMax / idleLooks))
  }
}
