/**
 * Looks at a pool's workers every `watch_tick` and lets those go that are too old, too idle or too big, each only when its successor
 * is there. What is due is decided in `worker/retire.ts`; this file measures and acts.
 */
import type { Clock, Timer } from '../../core/clock.js'
import { messageOf } from '../../core/errors.js'
import type { Logger } from '../../core/log.js'
import {
  countOver,
  hasRoomFor,
  type LifePolicy,
  type MemoryBudget,
  overBudget,
  planRetirements,
  type Retirement,
  roomFor,
  type WorkerLife,
} from '../worker/retire.js'
import type { Worker } from '../worker/worker.js'

/** The pool as a keeper sees it. */
export interface Kept {
  readonly name: string
  readonly size: number
  /** Workers in their places. */
  readonly workers: readonly Worker[]
  /** Workers on their way out, and places whose next worker boots. */
  readonly leavingCount: number
  /** Lets a worker go once its successor is there. Rejects when that did not boot. */
  renew(worker: Worker, why: Retirement['why']): Promise<unknown>
}

/** What a keeper is made of. */
export interface KeeperOptions {
  readonly pool: Kept
  readonly policy: LifePolicy
  readonly tickMs: number
  readonly clock: Clock
  readonly log: Logger
  /** Bytes of a worker and its children. */
  readonly measure: (pid: number) => Promise<number>
  readonly budget: () => Promise<MemoryBudget>
}

/** Keeps the workers of one pool young and small. */
export class Keeper {
  readonly #options: KeeperOptions
  /** What was measured of each worker, by pid. */
  readonly #sizes = new Map<
    number,
    { readonly bytes: number; readonly firstBytes: number; readonly over: number }
  >()
  #budget: MemoryBudget = { limitBytes: Number.POSITIVE_INFINITY, usedBytes: 0 }
  #timer: Timer | undefined
  #isClosed = false

  constructor(options: KeeperOptions) {
    this.#options = options
    this.#arm()
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.clear()
  }

  /** Workers that memory has room for, judged by those that live; Infinity when nothing limits it or nothing was measured. */
  get memoryRoom(): number {
    return roomFor(
      [...this.#sizes.values()].map(({ bytes }) => bytes),
      this.#budget,
    )
  }

  /** One look at everything; the timer calls it, and so may a test. Never rejects. */
  async tick(): Promise<void> {
    const { pool, policy } = this.#options
    const lives = await this.#look()
    const due = planRetirements({ lives, policy, size: pool.size, leaving: pool.leavingCount })
    const isQuiet = due.length === 0 && pool.leavingCount === 0
    const grown = isQuiet ? overBudget(lives, this.#budget) : undefined
    await Promise.all([...due, ...(grown === undefined ? [] : [grown])].map((one) => this.#retire(one)))
  }

  #arm(): void {
    const { clock, tickMs } = this.#options
    if (this.#isClosed) return
    this.#timer = clock.timer(tickMs, () => void this.tick().then(() => this.#arm()), { unref: true })
  }

  async #look(): Promise<readonly WorkerLife[]> {
    const { pool, clock, policy, measure, budget } = this.#options
    const workers = pool.workers
    this.#budget = await budget()
    // Reading the memory of a big process takes the kernel a millisecond: only where somebody wants to know.
    const isMeasured = policy.memoryBytesMax > 0 || this.#budget.limitBytes !== Number.POSITIVE_INFINITY
    const bytes = isMeasured ? await Promise.all(workers.map(({ pid }) => measure(pid))) : []
    const known = new Set(workers.map(({ pid }) => pid))
    for (const pid of this.#sizes.keys()) if (!known.has(pid)) this.#sizes.delete(pid)
    const nowMs = clock.monotonicMs()
    return workers.map((worker, at): WorkerLife => {
      const { pid } = worker
      const { memoryBytes, firstBytes, samplesOver } = this.#note(pid, bytes[at] ?? 0)
      const idleMs = worker.state === 'idle' && worker.jobCount > 0 ? nowMs - worker.idleSince : undefined
      return { pid, ageMs: nowMs - worker.readyAt, idleMs, memoryBytes, firstBytes, samplesOver }
    })
  }

  #note(pid: number, bytes: number) {
    const before = this.#sizes.get(pid)
    const over = countOver(before?.over ?? 0, bytes, this.#options.policy.memoryBytesMax)
    const firstBytes = before?.firstBytes ?? bytes
    this.#sizes.set(pid, { bytes, firstBytes, over })
    return { memoryBytes: bytes, firstBytes, samplesOver: over }
  }

  async #retire({ pid, why, is, limit }: Retirement): Promise<void> {
    const { pool, log } = this.#options
    const worker = pool.workers.find((one) => one.pid === pid)
    if (worker === undefined) return
    const unit = why === 'max_memory' ? 'Bytes' : 'Ms'
    const facts = {
      pool: pool.name,
      pid,
      why,
      [`is${unit}`]: Math.round(is),
      [`limit${unit}`]: Math.round(limit),
    }
    log.info(facts, 'a worker is replaced')
    if (!hasRoomFor(this.#sizes.get(pid)?.bytes ?? 0, this.#budget)) {
      // No room for two: it goes first.
      worker.retire(why)
      return
    }
    try {
      await pool.renew(worker, why)
    } catch (error) {
      log.warn({ ...facts, error: messageOf(error) }, 'its successor did not boot, so it stays for now')
    }
  }
}
