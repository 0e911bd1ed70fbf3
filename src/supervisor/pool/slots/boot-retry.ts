/** Decides when a failed boot is retried: after a delay that grows with the failures of the slot and in a crash loop, without limit. Pure. */
import { type BackoffPolicy, backoffMs } from '../../../core/backoff.js'
import type { Random } from '../../../core/random.js'
import { type CrashLoopPolicy, isCrashLoop } from './crash-loop.js'

// RoadRunner tries every second and then gives the place up. We try for ever, so the pool recovers within seconds once
// the cause is gone.
export const bootRetryBackoff: BackoffPolicy = { firstMs: 50, maxMs: 3000, jitter: 0.5 }

/** Failures that delay the next boot of a slot. */
export interface BootFailures {
  /** Boots of this slot that failed in a row. */
  readonly failures: number
  /** Deaths in the whole pool that still count. */
  readonly deaths: number
}

/** Returns the delay of the next boot in ms; 0 without failures. */
export function bootDelayMs(
  { failures, deaths }: BootFailures,
  policy: CrashLoopPolicy,
  random: Random,
): number {
  const over = isCrashLoop(deaths, policy) ? Math.ceil(deaths / Math.max(1, policy.deathsMax)) : 0
  const tries = Math.max(failures, over)
  return tries === 0 ? 0 : backoffMs(tries, bootRetryBackoff, random)
}
