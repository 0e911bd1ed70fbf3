/** Computes the wait before the next try: exponential with full-width jitter. Pure. */
import type { Random } from './random.js'

/** The shape of a back-off; all in milliseconds. */
export interface BackoffPolicy {
  readonly firstMs: number
  readonly maxMs: number
  /** The share of the delay that chance may take away, 0 to 1. */
  readonly jitter: number
}

/** The delay before try number `attempt`, which counts from 1: first, doubled, … up to the maximum. */
export function backoffMs(attempt: number, policy: BackoffPolicy, random: Random): number {
  const full = Math.min(policy.maxMs, policy.firstMs * 2 ** Math.min(attempt - 1, 30))
  return Math.round(full * (1 - policy.jitter * random()))
}
