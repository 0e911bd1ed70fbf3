/**
 * Restart intensity: how many workers may fall within a time until the pool counts as degraded and brings up new ones more slowly.
 * It recovers by itself as the deaths grow old. Pure.
 */
import { type BackoffPolicy, backoffMs } from '../../../core/backoff.js'
import type { Random } from '../../../core/random.js'

/** `crash_loop`, validated. */
export interface CrashLoopPolicy {
  /** Deaths within the period that are still taken for bad luck. */
  readonly deathsMax: number
  readonly periodMs: number
}

// RoadRunner tries every second and then gives the place up. We try for ever, so whatever brought workers down, the pool is
// back within seconds once it is over.
export const restartBackoff: BackoffPolicy = { firstMs: 50, maxMs: 3000, jitter: 0.5 }

// Where nothing is configured: three times as many as there are workers, and at least ten.
const deathsPerWorker = 3
const deathsMin = 10

/** Returns how many deaths a pool of `size` takes for bad luck when `crash_loop.deaths` is 0. */
export function deathsMaxOf(configured: number, size: number): number {
  return configured > 0 ? configured : Math.max(deathsMin, deathsPerWorker * size)
}

/** Returns the deaths that still count at `nowMs`, in their order. */
export function recentDeaths(
  deathsMs: readonly number[],
  nowMs: number,
  policy: CrashLoopPolicy,
): readonly number[] {
  return deathsMs.filter((at) => nowMs - at <= policy.periodMs)
}

/** True when more have fallen than bad luck explains. */
export function isCrashLoop(deaths: number, policy: CrashLoopPolicy): boolean {
  return deaths > policy.deathsMax
}

/** Failures that delay the next boot in one place. */
export interface RestartView {
  /** Boots that failed in this place in a row. */
  readonly failures: number
  /** Deaths in the whole pool that still count. */
  readonly deaths: number
}

/** Returns the delay of the next boot in ms: 0 when nothing speaks against it. */
export function restartDelayMs(view: RestartView, policy: CrashLoopPolicy, random: Random): number {
  const over = isCrashLoop(view.deaths, policy) ? Math.ceil(view.deaths / Math.max(1, policy.deathsMax)) : 0
  const tries = Math.max(view.failures, over)
  return tries === 0 ? 0 : backoffMs(tries, restartBackoff, random)
}
