/**
 * Checks a pool's workers every `watch_tick` and replaces those that are too old, too idle or too big, each only when its
 * successor has booted. What is due is decided in `retire.ts`; this file measures and acts.
 */
import type { Clock, Timer } from '../../../core/clock.js'
import { messageOf } from '../../../core/errors.js'
import type { Logger } from '../../../logging/logger.js'
import type { MemoryBudget } from '../../machine/memory.js'
import type { Worker } from '../../worker/worker.js'
import type { BootStrategy } from '../boot/bring-up.js'
import type { PoolConfig } from '../keys.js'
import { leavingMax } from '../slots/leaving.js'
import type { Slots } from '../slots/slots.js'
import {
  countOver,
  type DueWorker,
  hasRoomFor,
  type LifePolicy,
  overBudget,
  planRetirements,
  roomFor,
  type WorkerLife,
} from './retire.js'

/** Parts of the pool that its retirement uses. */
export interface RetirementOptions {
  readonly name: string
  readonly config: PoolConfig
  readonly slots: Slots
  /** Number of workers that are leaving or whose successor is booting. */
  readonly leavingCount: () => number
  readonly clock: Clock
  readonly log: Logger
  readonly measure: BootStrategy['measure']
  /** Reads the memory that all processes together may use and use; absent: nothing limits them. */
  readonly budget?: (() => Promise<MemoryBudget>) | undefined
}

const unlimited: MemoryBudget = { limitBytes: Number.POSITIVE_INFINITY, usedBytes: 0 }

interface Size {
  readonly bytes: number
  readonly firstBytes: number
  readonly over: number
}

/** Retirement of the workers of one pool, with their sizes. */
export class Retirement {
  readonly #options: RetirementOptions
  readonly #policy: LifePolicy
  /** Sizes of the workers; by worker, as the system uses a pid again. */
  #sizes: ReadonlyMap<Worker, Size> = new Map()
  #budget = unlimited
  #timer: Timer | undefined
  #isClosed = false

  constructor(options: RetirementOptions) {
    this.#options = options
    const { ttl, idle_ttl, max_worker_memory, memory_samples } = options.config.supervisor
    this.#policy = {
      ttlMs: ttl,
      idleTtlMs: idle_ttl,
      memoryBytesMax: max_worker_memory * 2 ** 20,
      memorySamples: memory_samples,
    }
    this.#arm()
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.clear()
  }

  /** Number of workers that memory has room for, judged by those that live; Infinity when nothing limits it or nothing was measured. */
  get memoryRoom(): number {
    const sizes = [...this.#sizes.values()].map(({ bytes }) => bytes)
    return roomFor(sizes, this.#budget)
  }

  /** True when memory has room for a second one of this worker. */
  hasRoomFor(worker: Worker): boolean {
    return hasRoomFor(this.#sizes.get(worker)?.bytes ?? 0, this.#budget)
  }

  /** True when the successor of a worker that will leave soon may boot beside it: not too many at once, and only where memory has room. */
  mayRenewEarly(worker: Worker): boolean {
    const { slots } = this.#options
    return slots.renewingCount < leavingMax(slots.size) && this.hasRoomFor(worker)
  }

  /** Measures all workers without acting on it. Never rejects. */
  async measure(): Promise<void> {
    const { name: pool, slots, measure, budget, log } = this.#options
    const { workers } = slots
    try {
      const limits = budget === undefined ? unlimited : await budget()
      // Reading the memory of a big process takes the kernel a millisecond: only where a limit needs it.
      const isWanted = this.#policy.memoryBytesMax > 0 || limits.limitBytes !== Number.POSITIVE_INFINITY
      const bytes = isWanted ? await Promise.all(workers.map((worker) => measure(worker))) : []
      this.#budget = limits
      this.#sizes = new Map(
        workers.flatMap((worker, at) => {
          const size = bytes[at] ?? 0
          // It has gone meanwhile, or there is no `/proc`.
          return size === 0 ? [] : [[worker, this.#sizeOf(worker, size)] as const]
        }),
      )
    } catch (error) {
      log.warn({ pool, error: messageOf(error) }, 'the memory of the workers could not be measured')
    }
  }

  /**
   * Checks all workers once; the timer calls it. Resolves when each that was replaced has a successor, or its boot failed.
   * Never rejects.
   */
  async tick(): Promise<void> {
    await this.measure()
    this.#sizes = new Map([...this.#sizes].map(([worker, size]) => [worker, this.#counted(size)]))
    // The next look does not wait for slow boots: those that renew are counted as leaving.
    this.#arm()
    if (this.#isClosed) return
    const { slots, leavingCount } = this.#options
    const leaving = leavingCount()
    const workers = slots.workers.filter((worker) => !slots.isRenewing(worker))
    const lives = workers.map((worker) => this.#lifeOf(worker))
    const due = planRetirements({ lives, policy: this.#policy, size: slots.size, leaving })
    const grown = due.length === 0 && leaving === 0 ? overBudget(lives, this.#budget) : undefined
    const all = [...due, ...(grown === undefined ? [] : [grown])]
    await Promise.all(
      all.map(async (one) => {
        const worker = workers.find(({ pid }) => pid === one.pid)
        if (worker !== undefined) await this.#retire(worker, one)
      }),
    )
  }

  #arm(): void {
    const { clock, config } = this.#options
    this.#timer?.clear()
    if (!this.#isClosed)
      this.#timer = clock.timer(config.supervisor.watch_tick, () => void this.tick(), { unref: true })
  }

  #sizeOf(worker: Worker, bytes: number): Size {
    const before = this.#sizes.get(worker)
    return { bytes, firstBytes: before?.firstBytes ?? bytes, over: before?.over ?? 0 }
  }

  #counted(size: Size): Size {
    return { ...size, over: countOver(size.over, size.bytes, this.#policy.memoryBytesMax) }
  }

  #lifeOf(worker: Worker): WorkerLife {
    const nowMs = this.#options.clock.monotonicMs()
    const { bytes: memoryBytes, firstBytes, over: samplesOver } = this.#sizes.get(worker) ?? unmeasured
    const idleMs = worker.state === 'idle' && worker.jobCount > 0 ? nowMs - worker.times.idleSince : undefined
    return {
      pid: worker.pid,
      ageMs: nowMs - worker.times.readyAt,
      idleMs,
      memoryBytes,
      firstBytes,
      samplesOver,
    }
  }

  async #retire(worker: Worker, { why, is, limit }: DueWorker): Promise<void> {
    const { name: pool, slots, log } = this.#options
    const unit = why === 'max_memory' ? 'Bytes' : 'Ms'
    const facts = {
      pool,
      ...worker.id,
      why,
      [`is${unit}`]: Math.round(is),
      [`limit${unit}`]: Math.round(limit),
      jobs: worker.jobCount,
    }
    if (!this.hasRoomFor(worker)) {
      log.info(facts, 'a worker is replaced; memory does not suffice for two, so the old worker leaves first')
      await slots.renewal.replace(worker, why)
      return
    }
    log.info(facts, 'a worker is replaced')
    try {
      await slots.renewal.renew(worker, why)
    } catch (error) {
      if (!this.#isClosed)
        log.warn({ ...facts, error: messageOf(error) }, 'its successor did not boot, so it stays for now')
    }
  }
}

const unmeasured: Size = { bytes: 0, firstBytes: 0, over: 0 }
