/** What looks after a pool while it works: its keeper and, where it is asked for, its autoscaler, made of the pool's keys. */
import type { Clock } from '../../../core/clock.js'
import type { Logger } from '../../../logging/logger.js'
import type { MemoryBudget } from '../../machine/memory.js'
import type { Worker } from '../../worker/worker.js'
import type { BootStrategy } from '../boot/bring-up.js'
import type { PoolConfig } from '../keys.js'
import type { WorkerQueue } from '../queue/worker-queue.js'
import { leavingMax } from '../slots/leaving.js'
import type { Slots } from '../slots/slots.js'
import { Autoscaler } from './autoscaler.js'
import { Keeper } from './keeper.js'
import type { ScaleView } from './scaler.js'

/** A pool's parts, as its upkeep needs them. */
export interface UpkeepOptions {
  readonly name: string
  readonly config: PoolConfig
  /** `num_workers`. */
  readonly floor: number
  readonly slots: Slots
  readonly queue: WorkerQueue
  /** Workers on their way out, and those whose successor is on its way. */
  readonly leavingCount: () => number
  readonly clock: Clock
  readonly log: Logger
  readonly budget?: (() => Promise<MemoryBudget>) | undefined
  readonly measure: BootStrategy['measure']
}

const unlimited: MemoryBudget = { limitBytes: Number.POSITIVE_INFINITY, usedBytes: 0 }

/** Keeps one pool in shape. */
export class Upkeep {
  readonly #options: UpkeepOptions
  readonly #keeper: Keeper
  readonly #autoscaler: Autoscaler | undefined

  constructor(options: UpkeepOptions) {
    this.#options = options
    this.#keeper = this.#makeKeeper()
    this.#autoscaler = this.#makeAutoscaler()
  }

  /** Somebody waits for a worker. */
  onWait(): void {
    this.#autoscaler?.poke()
  }

  /** Whether the successor of a worker that will leave soon may boot beside it: not too many at once, and only where memory has room. */
  mayRenewEarly(worker: Worker): boolean {
    const { slots } = this.#options
    return slots.renewingCount < leavingMax(slots.size) && this.#keeper.hasRoomFor(worker)
  }

  close(): void {
    this.#keeper.close()
    this.#autoscaler?.close()
  }

  #makeKeeper(): Keeper {
    const { name, config, slots, leavingCount, clock, log, budget, measure } = this.#options
    const { ttl, idle_ttl, max_worker_memory, memory_samples, watch_tick } = config.supervisor
    return new Keeper({
      pool: {
        name,
        get size() {
          return slots.size
        },
        get workers() {
          return slots.workers
        },
        isRenewing: (worker) => slots.isRenewing(worker),
        get leavingCount() {
          return leavingCount()
        },
        renew: (worker, why) => slots.renew(worker, why),
        replace: (worker, why) => slots.replace(worker, why),
      },
      policy: {
        ttlMs: ttl,
        idleTtlMs: idle_ttl,
        memoryBytesMax: max_worker_memory * 2 ** 20,
        memorySamples: memory_samples,
      },
      tickMs: watch_tick,
      clock,
      log,
      measure,
      budget: budget ?? (() => Promise.resolve(unlimited)),
    })
  }

  #makeAutoscaler(): Autoscaler | undefined {
    const { name, config, floor, slots, clock, log } = this.#options
    const allocator = config.dynamic_allocator
    if (allocator === undefined) return undefined
    return new Autoscaler({
      pool: {
        name,
        view: (nowMs) => this.#view(nowMs),
        grow: (count) => slots.grow(count),
        measure: () => this.#keeper.measure(),
        shrink: (pids, empty) => this.#shrink(pids, empty),
      },
      policy: {
        floor,
        ceiling: floor + allocator.max_workers,
        step: allocator.spawn_rate,
        growAfterMs: allocator.grow_after,
        coolDownMs: allocator.cool_down,
        idleMsMax: allocator.idle_timeout,
      },
      clock,
      log,
    })
  }

  #view(nowMs: number): Omit<ScaleView, 'sinceGrowthMs'> {
    const { slots, queue } = this.#options
    const { idle, line, idleWaiters } = queue
    const idleWaitMs = nowMs - (idleWaiters.oldestSince ?? nowMs)
    return {
      size: slots.size,
      booting: slots.size - slots.workers.length,
      failing: slots.failingCount,
      isDegraded: slots.health.isDegraded,
      waiting: idle.size > 0 ? 0 : line.length + idleWaiters.size,
      oldestMs: Math.max(line.oldestMs(), idleWaitMs),
      idle: [...idle].map((worker) => ({ pid: worker.pid, idleMs: nowMs - slots.idleSince(worker) })),
      memoryRoom: this.#keeper.memoryRoom,
    }
  }

  /** Only whoever is idle still: it leaves the ring before anybody can take it. */
  #shrink(pids: readonly number[], empty: number): void {
    const { slots, queue } = this.#options
    slots.shrinkFailing(empty)
    for (const worker of slots.workers) {
      // One whose successor is on its way stays where it can be found: that may not come up.
      if (!pids.includes(worker.pid) || slots.isRenewing(worker)) continue
      if (queue.idle.remove(worker)) slots.shrink(worker)
    }
  }
}
