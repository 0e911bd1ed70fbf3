/**
 * Decides how many workers a pool with a `dynamic_allocator` should have: it grows by the length and age of the waiting
 * line, never after a time-out, and removes the workers that have been idle longest. Pure; `autoscaler.ts` asks and acts.
 */

/** `dynamic_allocator`, validated. */
export interface ScalePolicy {
  /** `num_workers`. */
  readonly floor: number
  /** `num_workers` and `max_workers` together. */
  readonly ceiling: number
  /** Number of workers that are added or removed at once. */
  readonly step: number
  /** Wait of a caller from which on the pool grows, in ms. */
  readonly growAfterMs: number
  /** The least time between two steps of growth, in ms. */
  readonly coolDownMs: number
  /** Idle time after which a worker above the floor is removed, in ms. */
  readonly idleMsMax: number
}

/** State of a pool from which its size is decided. */
export interface ScaleView {
  /** Places, whether or not a worker is ready in them. */
  readonly size: number
  /** Places whose worker has not booted yet. */
  readonly booting: number
  /** Places among them whose boots failed. */
  readonly failing: number
  /** True when workers die faster than `crash_loop` allows: more of them would die, too. */
  readonly isDegraded: boolean
  /** Callers that wait for a worker. */
  readonly waiting: number
  /** Wait of the first caller, in ms. */
  readonly oldestMs: number
  /** Idle time of each idle worker in ms, with its pid (of a thread: its number). */
  readonly idle: readonly { readonly pid: number; readonly idleMs: number }[]
  /** Time since the last growth, in ms. */
  readonly sinceGrowthMs: number
  /** Workers that memory has room for beside those that live; Infinity when it is not limited. */
  readonly memoryRoom: number
}

/** Decision about the size of a pool. */
export type ScaleStep =
  | { readonly kind: 'stay' }
  | { readonly kind: 'grow'; readonly by: number }
  | { readonly kind: 'shrink'; readonly pids: readonly number[]; readonly empty: number }

const stay: ScaleStep = { kind: 'stay' }

/** Decides once. Growth goes first: while a caller waits no worker is removed. */
export function planScale(view: ScaleView, policy: ScalePolicy): ScaleStep {
  if (view.waiting > 0) return planGrowth(view, policy)
  const surplus = view.size - policy.floor
  if (surplus <= 0 || view.sinceGrowthMs < policy.idleMsMax) return stay
  const most = Math.min(surplus, policy.step)
  // Slots without a worker serve no caller: they go first.
  const empty = Math.min(most, view.failing)
  const pids = view.idle
    .filter(({ idleMs }) => idleMs >= policy.idleMsMax)
    .sort((a, b) => b.idleMs - a.idleMs)
    .slice(0, most - empty)
    .map(({ pid }) => pid)
  return pids.length + empty === 0 ? stay : { kind: 'shrink', pids, empty }
}

function planGrowth(view: ScaleView, policy: ScalePolicy): ScaleStep {
  const { size, booting, waiting, oldestMs, sinceGrowthMs, memoryRoom } = view
  if (view.isDegraded) return stay
  if (oldestMs < policy.growAfterMs || sinceGrowthMs < policy.coolDownMs) return stay
  // Workers that are booting will take their share of the line, and of the memory.
  const by = Math.min(waiting - booting, policy.step, policy.ceiling - size, memoryRoom - booting)
  return by > 0 ? { kind: 'grow', by } : stay
}
