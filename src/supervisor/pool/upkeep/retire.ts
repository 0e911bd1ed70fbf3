/**
 * Decides which workers have lived, idled or grown for long enough, and how many of them may go at once. Pure; `retirement.ts` measures
 * and acts.
 */
import type { MemoryBudget } from '../../machine/memory.js'
import type { RetireReason } from '../../worker/state.js'
import { leavingMax } from '../slots/leaving.js'

/** The limits of a worker's life; 0 means no limit. */
export interface LifePolicy {
  /** Age in ms. */
  readonly ttlMs: number
  /** Time since its last job in ms; a worker that has had none is exempt, as in RoadRunner. */
  readonly idleTtlMs: number
  /** Bytes of its whole process tree. */
  readonly memoryBytesMax: number
  /** Samples in a row over the memory limit until it counts: a single peak is not a leak. */
  readonly memorySamples: number
}

/** Age, idleness and size of one worker. */
export interface WorkerLife {
  readonly pid: number
  readonly ageMs: number
  /** Undefined while it runs a job, and before its first one. */
  readonly idleMs: number | undefined
  readonly memoryBytes: number
  /** Bytes as they were measured first. */
  readonly firstBytes: number
  /** Samples in a row over the limit, the last one included. */
  readonly samplesOver: number
}

/** A worker that is due, with the reason and its numbers. */
export interface DueWorker {
  readonly pid: number
  readonly why: Extract<RetireReason, 'ttl' | 'idle_ttl' | 'max_memory'>
  /** Measured value: ms, or bytes for memory. */
  readonly is: number
  /** Limit in the same unit. */
  readonly limit: number
}

/** Returns why this worker is due; undefined when it is not. In RoadRunner's order: age, memory, idleness. */
export function dueOf(life: WorkerLife, policy: LifePolicy): DueWorker | undefined {
  const { pid, ageMs, idleMs, memoryBytes, samplesOver } = life
  const { ttlMs, idleTtlMs, memoryBytesMax, memorySamples } = policy
  if (ttlMs > 0 && ageMs >= ttlMs) return { pid, why: 'ttl', is: ageMs, limit: ttlMs }
  if (memoryBytesMax > 0 && memoryBytes >= memoryBytesMax && samplesOver >= memorySamples)
    return { pid, why: 'max_memory', is: memoryBytes, limit: memoryBytesMax }
  if (idleTtlMs > 0 && idleMs !== undefined && idleMs >= idleTtlMs)
    return { pid, why: 'idle_ttl', is: idleMs, limit: idleTtlMs }
  return undefined
}

/** Counts the samples in a row over the limit after one more. */
export function countOver(before: number, memoryBytes: number, memoryBytesMax: number): number {
  return memoryBytesMax > 0 && memoryBytes >= memoryBytesMax ? before + 1 : 0
}

/** Workers of a pool, as a retirement is planned. */
export interface PoolAge {
  readonly lives: readonly WorkerLife[]
  readonly policy: LifePolicy
  readonly size: number
  /** Number of workers that are leaving already. */
  readonly leaving: number
}

// Above every ratio that matters: memory goes first.
const memoryRank = 1e6

/** Chooses the workers that are due and may go now: the worst first (memory, then how far over the limit), and never more than the share. */
export function planRetirements({ lives, policy, size, leaving }: PoolAge): readonly DueWorker[] {
  const due = lives.flatMap((life) => dueOf(life, policy) ?? [])
  const rank = ({ why, is, limit }: DueWorker) => (why === 'max_memory' ? memoryRank : 0) + is / limit
  due.sort((a, b) => rank(b) - rank(a))
  return due.slice(0, Math.max(0, leavingMax(size) - leaving))
}

/** Share of the limit from which on we act, before the kernel kills a process of its choice. */
const budgetShareMax = 0.9

/** A worker that has grown to so many times its first size may be what uses the memory up. */
const grownTimes = 1.5

/** Chooses the worker to let go because the budget is nearly used up: the biggest that has grown; undefined while there is room. */
export function overBudget(lives: readonly WorkerLife[], budget: MemoryBudget): DueWorker | undefined {
  const limit = budget.limitBytes * budgetShareMax
  if (!(budget.usedBytes > limit)) return undefined
  const grown = lives.filter(({ memoryBytes, firstBytes }) => memoryBytes >= firstBytes * grownTimes)
  const [first] = grown.sort((a, b) => b.memoryBytes - a.memoryBytes)
  return first && { pid: first.pid, why: 'max_memory', is: budget.usedBytes, limit }
}

/** True when one more worker of this size fits. */
export function hasRoomFor(bytes: number, { limitBytes, usedBytes }: MemoryBudget): boolean {
  return usedBytes + bytes <= limitBytes * budgetShareMax
}

/** Counts how many more workers of the mean of `sizes` fit; Infinity when nothing limits them or nothing was measured. */
export function roomFor(sizes: readonly number[], { limitBytes, usedBytes }: MemoryBudget): number {
  const mean = sizes.reduce((sum, bytes) => sum + bytes, 0) / Math.max(1, sizes.length)
  if (limitBytes === Number.POSITIVE_INFINITY || mean === 0) return Number.POSITIVE_INFINITY
  return Math.max(0, Math.floor((limitBytes * budgetShareMax - usedBytes) / mean))
}
