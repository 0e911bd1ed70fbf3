/**
 * Counts the deaths of the workers of one pool, and logs when they exceed the limit, when no worker is left, and when that
 * is over. `crash-loop.ts` decides on the numbers; `slots.ts` has the slots.
 */
import type { Clock, Timer } from '../../../core/clock.js'
import { messageOf } from '../../../core/errors.js'
import type { Logger } from '../../../logging/logger.js'
import type { PoolEmitter } from '../events.js'
import type { PoolHealth } from '../pool.js'
import { type CrashLoopPolicy, deathsMaxOf, isCrashLoop, recentDeaths } from './crash-loop.js'

/** Parts of the pool that the counting uses. */
export interface IntensityOptions {
  readonly pool: string
  readonly policy: CrashLoopPolicy
  /** Places of the pool now. */
  readonly size: () => number
  /** True when no worker stays alive although boots were retried. */
  readonly isDown: () => boolean
  readonly clock: Clock
  readonly log: Logger
  readonly events: PoolEmitter
}

// How often a degraded pool looks whether it has recovered, as a share of `within`.
const recoveryTicks = 10

/** Deaths in one pool. */
export class RestartIntensity {
  readonly #options: IntensityOptions
  #deathsMs: readonly number[] = []
  #restarts = 0
  #degradedSinceMs: number | undefined
  #lastFault: Error | undefined
  #timer: Timer | undefined
  #isClosed = false

  constructor(options: IntensityOptions) {
    this.#options = options
  }

  /** `crash_loop` for the current size. */
  get policy(): CrashLoopPolicy {
    const { policy, size } = this.#options
    return { deathsMax: deathsMaxOf(policy.deathsMax, size()), periodMs: policy.periodMs }
  }

  /** Deaths and failed boots that still count. */
  get deaths(): number {
    return recentDeaths(this.#deathsMs, this.#options.clock.monotonicMs(), this.policy).length
  }

  get health(): PoolHealth {
    const since = this.#degradedSinceMs
    return {
      isDegraded: since !== undefined,
      degradedMs: since === undefined ? 0 : this.#options.clock.monotonicMs() - since,
      recentDeaths: this.deaths,
      restarts: this.#restarts,
      ...(since === undefined || this.#lastFault === undefined ? {} : { why: messageOf(this.#lastFault) }),
    }
  }

  /** Counts a worker that replaced another one. */
  onRestart(): void {
    this.#restarts += 1
  }

  /** Counts a worker that died or did not boot; `lastLines` is its output. */
  onDeath(fault: Error, lastLines: readonly string[]): void {
    if (this.#isClosed) return
    const nowMs = this.#options.clock.monotonicMs()
    this.#deathsMs = [...recentDeaths(this.#deathsMs, nowMs, this.policy), nowMs]
    this.#lastFault = fault
    this.#judge(lastLines)
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.clear()
  }

  #judge(lastLines: readonly string[]): void {
    const { clock, log, pool } = this.#options
    const { deathsMax, periodMs } = this.policy
    const { deaths } = this
    const isDown = this.#options.isDown()
    const isLoop = isCrashLoop(deaths, this.policy)
    const facts = { pool, deaths, withinMs: periodMs, limit: deathsMax }
    if ((isLoop || isDown) && this.#degradedSinceMs === undefined) {
      this.#degradedSinceMs = clock.monotonicMs()
      const error = this.#lastFault?.message
      const text = isLoop
        ? 'workers die faster than crash_loop allows: the pool is degraded, new ones boot more slowly'
        : 'no worker lives and none boots: the pool is degraded'
      log.error({ ...facts, error, lastLines }, text)
      this.#emit(true)
      this.#watchRecovery()
    } else if (!isLoop && !isDown && this.#degradedSinceMs !== undefined) {
      const degradedMs = Math.round(clock.monotonicMs() - this.#degradedSinceMs)
      this.#degradedSinceMs = undefined
      log.info({ ...facts, degradedMs }, 'the pool has recovered')
      this.#emit(false)
    }
  }

  #emit(isDegraded: boolean): void {
    const { events, pool } = this.#options
    if (events.has('degraded')) events.emit('degraded', { pool, isDegraded })
  }

  #watchRecovery(): void {
    const look = () => {
      this.#judge([])
      if (this.#degradedSinceMs !== undefined) this.#watchRecovery()
    }
    this.#timer?.clear()
    const delayMs = Math.max(1, this.policy.periodMs / recoveryTicks)
    this.#timer = this.#options.clock.timer(delayMs, look, { unref: true })
  }
}
