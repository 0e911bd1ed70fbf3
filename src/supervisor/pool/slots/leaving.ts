/** Limits how many workers of a pool may be leaving at once. Pure. */

/** The share of a pool that may be on its way out at once; at least one worker. */
const leavingShareMax = 0.25

/** Returns how many workers of a pool of `size` may be leaving at once. */
export function leavingMax(size: number): number {
  return Math.max(1, Math.floor(size * leavingShareMax))
}
