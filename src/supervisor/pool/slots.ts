/**
 * The places of a pool: each is always filled again, whatever becomes of its worker, later and later while boots fail or workers
 * keep falling. Grows, shrinks and renews them; who works and who waits is the pool's business.
 *
 * Invariant: a slot has a worker, or somebody is at work to bring one up, until the pool stops or the slot is given back.
 */
import { type Clock, sleep } from '../../core/clock.js'
import { messageOf, type RelayError } from '../../core/errors.js'
import type { Logger } from '../../core/log.js'
import type { Random } from '../../core/random.js'
import type { KillReason, RetireReason } from '../worker/state.js'
import type { Worker } from '../worker/worker.js'
import { type CrashLoopPolicy, deathsMaxOf, isCrashLoop, recentDeaths, restartDelayMs } from './crash-loop.js'
import type { PoolHealth, WorkerBoot } from './pool.js'
import type { BootFault } from './process-pool.js'
import { Waiters } from './waiters.js'

/** What slots are made of. */
export interface SlotsOptions {
  readonly pool: string
  readonly size: number
  readonly crashLoop: CrashLoopPolicy
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** Brings one worker up. Rejects with a `BootFault`. */
  readonly boot: () => Promise<Worker>
  /** A worker has its place and may be given work. */
  readonly onReady: (worker: Worker) => void
  /** No worker lives and a boot failed, after the first ones. */
  readonly onDead: (fault: Error) => void
  /** Aborted when the pool stops. */
  readonly stopped: AbortSignal
  readonly stoppedError: () => RelayError
}

interface Slot {
  worker: Worker | undefined
  /** Boots that failed, or workers that fell at once, since the last good one. */
  failures: number
  /** A worker that takes over from the one that is here is being brought up. */
  isRenewing: boolean
  /** Given back: nobody fills it any more. */
  isGone: boolean
}

// A worker that falls within this time without a job behind it counts as one that did not boot.
const settledMs = 1000
// Ends that nobody asked for, and that say something about the worker's code or its surroundings.
const deaths: ReadonlySet<RetireReason | KillReason | undefined> = new Set([
  undefined,
  'relay_lost',
  'bad_frame',
  'boot_failed',
  'boot_timeout',
])
// How often a pool looks whether it has recovered.
const recoveryTicks = 10

/** The places of one pool. */
export class Slots {
  readonly #options: SlotsOptions
  readonly #slots: Slot[]
  readonly #changed = new Waiters()
  #deathsMs: readonly number[] = []
  #restarts = 0
  #degradedSinceMs: number | undefined
  #lastFault: Error | undefined
  #lastLines: readonly string[] = []
  #hasBooted = false

  constructor(options: SlotsOptions) {
    this.#options = options
    this.#slots = Array.from({ length: options.size }, newSlot)
  }

  /** Fills all of them, side by side; resolves with how each first try went. */
  async start(): Promise<readonly WorkerBoot[]> {
    const boots = await Promise.all(this.#slots.map((slot) => this.#fill(slot)))
    this.#hasBooted = true
    return boots
  }

  get size(): number {
    return this.#slots.length
  }

  get workers(): readonly Worker[] {
    return this.#slots.flatMap(({ worker }) => worker ?? [])
  }

  /** What workers that did not come up said last. */
  get lastLines(): readonly string[] {
    return this.#lastLines
  }

  get health(): PoolHealth {
    const { clock } = this.#options
    const nowMs = clock.monotonicMs()
    const count = recentDeaths(this.#deathsMs, nowMs, this.#policy).length
    const since = this.#degradedSinceMs
    return {
      isDegraded: since !== undefined,
      degradedMs: since === undefined ? 0 : nowMs - since,
      recentDeaths: count,
      restarts: this.#restarts,
      ...(since === undefined || this.#lastFault === undefined ? {} : { why: messageOf(this.#lastFault) }),
    }
  }

  /** A worker leaves or has fallen: its place is filled anew, unless its successor is on the way. */
  onLeaving(worker: Worker, why: RetireReason | KillReason | undefined): void {
    const slot = this.#slots.find((one) => one.worker === worker)
    const isDeath = deaths.has(why)
    if (isDeath && !this.#options.stopped.aborted)
      this.#onDeath(new Error(`worker ${worker.pid} ended by itself`))
    if (slot === undefined || this.#options.stopped.aborted) return
    slot.worker = undefined
    const livedMs = this.#options.clock.nowMs() - worker.createdAtMs
    slot.failures = isDeath && worker.jobCount === 0 && livedMs < settledMs ? slot.failures + 1 : 0
    this.#changed.wake()
    // It boots while the old one leaves, so that the pool is short of a worker for as short as can be.
    if (!slot.isRenewing) void this.#fill(slot)
  }

  /**
   * Brings up the successor of `old` and then lets `old` leave, so that the pool is never short of a worker. Resolves with the
   * successor; undefined when `old` has gone meanwhile, or is being renewed already. Rejects when the boot failed: `old` stays.
   */
  async renew(
    old: Worker,
    why: RetireReason,
    isGood?: (fresh: Worker) => Promise<void>,
  ): Promise<Worker | undefined> {
    const slot = this.#slots.find((one) => one.worker === old)
    if (slot === undefined || slot.isRenewing) return undefined
    slot.isRenewing = true
    try {
      const fresh = await this.#options.boot()
      await this.#probe(fresh, isGood)
      slot.worker = fresh
      slot.failures = 0
      this.#restarts += 1
      if (isGood === undefined) this.#options.onReady(fresh)
      old.retire(why)
      return fresh
    } finally {
      slot.isRenewing = false
      if (slot.worker === undefined && !slot.isGone && !this.#options.stopped.aborted) void this.#fill(slot)
      this.#changed.wake()
    }
  }

  /** The same for a worker that will leave soon by itself; when the boot fails it is brought up once the place is empty. */
  async renewEarly(old: Worker, why: RetireReason): Promise<void> {
    try {
      await this.renew(old, why)
    } catch (error) {
      const { log, pool, stopped } = this.#options
      if (!stopped.aborted)
        log.warn(
          { pool, pid: old.pid, why, error: messageOf(error) },
          'the successor of a worker did not boot',
        )
    }
  }

  /** Adds places. */
  grow(count: number): void {
    for (let added = 0; added < count; added += 1) {
      const slot = newSlot()
      this.#slots.push(slot)
      void this.#fill(slot)
    }
  }

  /** Gives the place of a worker back, which leaves. */
  shrink(worker: Worker): void {
    const slot = this.#slots.find((one) => one.worker === worker)
    if (slot === undefined || slot.isRenewing) return
    slot.isGone = true
    slot.worker = undefined
    this.#slots.splice(this.#slots.indexOf(slot), 1)
    worker.retire('shrink')
  }

  /** A worker on probation works beside the one whose place it is to take. */
  async #probe(fresh: Worker, isGood: ((fresh: Worker) => Promise<void>) | undefined): Promise<void> {
    if (isGood === undefined) return
    this.#options.onReady(fresh)
    try {
      await isGood(fresh)
    } catch (error) {
      fresh.retire('reset')
      throw error
    }
  }

  get #policy(): CrashLoopPolicy {
    const { deathsMax, periodMs } = this.#options.crashLoop
    return { deathsMax: deathsMaxOf(deathsMax, this.#slots.length), periodMs }
  }

  #onDeath(fault: Error): void {
    const nowMs = this.#options.clock.monotonicMs()
    this.#deathsMs = [...recentDeaths(this.#deathsMs, nowMs, this.#policy), nowMs]
    this.#lastFault = fault
    this.#judge()
  }

  /** Says when the pool becomes degraded, and when it has recovered. */
  #judge(): void {
    const { clock, log, pool, stopped } = this.#options
    const nowMs = clock.monotonicMs()
    const count = recentDeaths(this.#deathsMs, nowMs, this.#policy).length
    const isLoop = isCrashLoop(count, this.#policy)
    const facts = { pool, deaths: count, withinMs: this.#policy.periodMs, limit: this.#policy.deathsMax }
    if (isLoop && this.#degradedSinceMs === undefined) {
      this.#degradedSinceMs = nowMs
      log.error(
        { ...facts, lastLines: this.#lastLines },
        'workers fall faster than the limit: the pool is degraded, new ones boot more slowly',
      )
      this.#watchRecovery()
    } else if (!isLoop && this.#degradedSinceMs !== undefined && !stopped.aborted) {
      const degradedMs = Math.round(nowMs - this.#degradedSinceMs)
      this.#degradedSinceMs = undefined
      log.info({ ...facts, degradedMs }, 'the pool has recovered')
    }
  }

  #watchRecovery(): void {
    const { clock, stopped } = this.#options
    const tick = () => {
      if (stopped.aborted) return
      this.#judge()
      if (this.#degradedSinceMs !== undefined) this.#watchRecovery()
    }
    clock.timer(Math.max(1, this.#policy.periodMs / recoveryTicks), tick, { unref: true })
  }

  /** Fills an empty slot, trying for ever; resolves with how the first try went. */
  #fill(slot: Slot): Promise<WorkerBoot> {
    return new Promise((resolve) => void this.#fillUntilGone(slot, resolve))
  }

  async #fillUntilGone(slot: Slot, onFirst: (boot: WorkerBoot) => void): Promise<void> {
    const { clock, stopped, stoppedError } = this.#options
    while (!stopped.aborted && !slot.isGone) {
      await this.#delay(slot)
      if (stopped.aborted || slot.isGone) break
      const startedAt = clock.monotonicMs()
      try {
        const worker = await this.#options.boot()
        slot.worker = worker
        if (this.#hasBooted) this.#restarts += 1
        this.#options.onReady(worker)
        onFirst({ pid: worker.pid, tookMs: clock.monotonicMs() - startedAt, lastLines: [] })
        return
      } catch (error) {
        const fault: BootFault = error instanceof Error ? error : new Error(messageOf(error))
        this.#onBootFault(slot, fault)
        const lastLines = fault.lastLines ?? []
        onFirst({ pid: fault.pid, tookMs: clock.monotonicMs() - startedAt, fault, lastLines })
      }
    }
    onFirst({ pid: undefined, tookMs: 0, fault: stoppedError(), lastLines: [] })
  }

  async #delay(slot: Slot): Promise<void> {
    const { clock, random, stopped } = this.#options
    const deathCount = recentDeaths(this.#deathsMs, clock.monotonicMs(), this.#policy).length
    const view = { failures: slot.failures, deaths: deathCount }
    const delayMs = restartDelayMs(view, this.#policy, random)
    if (delayMs > 0) await sleep(clock, delayMs, stopped)
  }

  #onBootFault(slot: Slot, fault: BootFault): void {
    const { log, pool, stopped, onDead } = this.#options
    slot.failures += 1
    const lastLines = fault.lastLines ?? []
    this.#lastLines = lastLines
    if (stopped.aborted) return
    log.error({ pool, tries: slot.failures, error: fault, lastLines }, 'a worker did not boot, trying again')
    this.#onDeath(fault)
    if (this.#hasBooted && this.workers.length === 0) onDead(fault)
  }
}

function newSlot(): Slot {
  return { worker: undefined, failures: 0, isRenewing: false, isGone: false }
}
