/**
 * Restart intensity: the number of workers that may die within a period before the pool is degraded and boots new ones more
 * slowly. It recovers by itself as the deaths grow old. Pure.
 */

/** `crash_loop`, validated. */
export interface CrashLoopPolicy {
  /** Number of deaths within the period that are tolerated. */
  readonly deathsMax: number
  readonly periodMs: number
}

// Where nothing is configured: three times as many as there are workers, and at least ten.
const deathsPerWorker = 3
const deathsMin = 10

/**
 * Returns the number of deaths that a pool of `size` tolerates; `configured` is `crash_loop.deaths`, where 0 means the
 * default.
 */
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

/** True when more workers have died than the policy tolerates. */
export function isCrashLoop(deaths: number, policy: CrashLoopPolicy): boolean {
  return deaths > policy.deathsMax
}
