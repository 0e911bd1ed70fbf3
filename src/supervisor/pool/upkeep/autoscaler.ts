/**
 * Grows a pool while callers wait, and removes workers that have been idle: checks the pool when a caller begins to wait and
 * until the line is empty, and acts on what `scaler.ts` decides.
 */
import type { Clock, Timer } from '../../../core/clock.js'
import type { Logger } from '../../../logging/logger.js'
import type { PoolConfig } from '../keys.js'
import type { WorkerQueue } from '../queue/worker-queue.js'
import type { Slots } from '../slots/slots.js'
import type { Retirement } from './retirement.js'
import { planScale, type ScalePolicy, type ScaleStep, type ScaleView } from './scaler.js'

/** Parts of the pool that its autoscaler uses. */
export interface AutoscalerOptions {
  readonly name: string
  readonly policy: ScalePolicy
  readonly slots: Slots
  readonly queue: WorkerQueue
  /** Knows the memory that workers use. */
  readonly retirement: Retirement
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
  #policy: ScalePolicy

  constructor(options: AutoscalerOptions) {
    this.#options = options
    this.#policy = options.policy
  }

  /** Called when a caller begins to wait: checks the pool soon. */
  poke(): void {
    this.#lookIn(Math.max(lookMsMin, this.#policy.growAfterMs))
  }

  /** Moves the floor, and the ceiling with it. */
  setFloor(floor: number): void {
    const { ceiling, floor: before } = this.#policy
    this.#policy = { ...this.#policy, floor, ceiling: floor + ceiling - before }
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
    const { retirement } = this.#options
    this.#firesAt = Number.POSITIVE_INFINITY
    if (this.#plan().kind === 'grow') {
      await retirement.measure()
      if (this.#isClosed) return
    }
    this.#act(this.#plan())
    const { waiting, size } = this.#view()
    this.#lookAgain(waiting > 0, size > this.#policy.floor)
  }

  #plan(): ScaleStep {
    return planScale(this.#view(), this.#policy)
  }

  #act(step: ScaleStep): void {
    const { name: pool, slots, clock, log } = this.#options
    const policy = this.#policy
    const { waiting, oldestMs, size: from } = this.#view()
    if (step.kind === 'grow') {
      this.#grownAt = clock.monotonicMs()
      const facts = { pool, by: step.by, from, ceiling: policy.ceiling, waiting }
      log.info({ ...facts, oldestMs: Math.round(oldestMs) }, 'the pool grows: callers wait for its workers')
      slots.grow(step.by)
    } else if (step.kind === 'shrink') {
      const facts = { pool, pids: step.pids, empty: step.empty, from, floor: policy.floor }
      log.info({ ...facts, idleMsMax: policy.idleMsMax }, 'the pool shrinks: workers above its floor idled')
      this.#shrink(step.pids, step.empty)
    }
  }

  #view(): ScaleView {
    const { slots, queue, retirement, clock } = this.#options
    const { idle, line, idleWaiters } = queue
    const isIdle = new Set([...idle].map(({ pid }) => pid))
    const nowMs = clock.monotonicMs()
    const idleWaitMs = nowMs - (idleWaiters.oldestSince ?? nowMs)
    return {
      size: slots.size,
      booting: slots.size - slots.workers.length,
      failing: slots.failingCount,
      isDegraded: slots.health.isDegraded,
      waiting: idle.size > 0 ? 0 : line.length + idleWaiters.size,
      oldestMs: Math.max(line.oldestMs(), idleWaitMs),
      idle: slots.workers
        .filter((worker) => isIdle.has(worker.pid))
        .map((worker) => ({ pid: worker.pid, idleMs: nowMs - slots.renewal.idleSince(worker) })),
      memoryRoom: retirement.memoryRoom,
      sinceGrowthMs: nowMs - this.#grownAt,
    }
  }

  /**
   * Removes workers that are still idle, and up to `empty` slots without a worker. They leave the queue before a caller can
   * take them.
   */
  #shrink(pids: readonly number[], empty: number): void {
    const { slots, queue } = this.#options
    slots.shrinkEmpty(empty)
    for (const worker of slots.workers) {
      // A worker whose successor is booting stays in the queue: that boot may fail.
      if (!pids.includes(worker.pid) || slots.isRenewing(worker)) continue
      if (queue.idle.remove(worker)) slots.shrink(worker)
    }
  }

  #lookAgain(isWaitedFor: boolean, isAboveFloor: boolean): void {
    const policy = this.#policy
    if (isWaitedFor) this.#lookIn(Math.max(lookMsMin, Math.min(policy.growAfterMs, policy.coolDownMs)))
    else if (isAboveFloor) this.#lookIn(Math.max(lookMsMin, policy.idleMsMax / idleLooks))
  }
}

/** Makes the policy of a pool with a `dynamic_allocator`; `floor` is its `num_workers`. */
export function scalePolicyOf(
  floor: number,
  allocator: NonNullable<PoolConfig['dynamic_allocator']>,
): ScalePolicy {
  return {
    floor,
    ceiling: floor + allocator.max_workers,
    step: allocator.spawn_rate,
    growAfterMs: allocator.grow_after,
    coolDownMs: allocator.cool_down,
    idleMsMax: allocator.idle_timeout,
  }
}
