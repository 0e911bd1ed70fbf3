/**
 * The places of a pool: each is always filled again, by `filler.ts`, whatever becomes of its worker. Grows, shrinks and renews them;
 * who works and who waits is the pool's business.
 *
 * Invariant: a slot has a worker that takes jobs, or somebody is at work to bring one up, until the pool stops or the slot is given
 * back. A worker that has been booted may leave at any time, so whoever puts it into its place looks again in that very turn.
 */
import type { Clock } from '../../../core/clock.js'
import { messageOf, type RelayError } from '../../../core/errors.js'
import type { Random } from '../../../core/random.js'
import type { Logger } from '../../../logging/logger.js'
import type { KillReason, RetireReason } from '../../worker/state.js'
import type { Worker } from '../../worker/worker.js'
import { labelOf } from '../../worker/worker-id.js'
import type { BootLines } from '../boot/boot-lines.js'
import type { PoolEmitter } from '../events.js'
import type { HeldPool, PoolHealth, WorkerBoot } from '../pool.js'
import type { Waiters } from '../queue/waiters.js'
import type { CrashLoopPolicy } from './crash-loop.js'
import { FailedBoots } from './failed-boots.js'
import { Filler } from './filler.js'
import { Generations } from './generations.js'
import { RestartIntensity } from './restart-intensity.js'
import { isFailing, newSlot, type Slot } from './slot.js'

/** Parts and settings of the places. */
export interface SlotsOptions {
  readonly pool: string
  readonly size: number
  /** Number of places that are filled first; the others follow when a boot fails, or after `bootRest`. Absent: all at once. */
  readonly bootFirst?: number | undefined
  readonly crashLoop: CrashLoopPolicy
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly events: PoolEmitter
  /** Brings one worker up. Rejects with a `BootFault`. */
  readonly boot: () => Promise<Worker>
  /** Called when a worker has its place and may be given work. */
  readonly onReady: (worker: Worker) => void
  /** Called when no worker lives and boots have failed in a row for long, after the first ones. */
  readonly onDead: (fault: Error) => void
  /** Holds the output of boots, so that a repeated failure is logged once. */
  readonly lines?: BootLines | undefined
  /** Called when a pool of which no worker has ever booted waits for a reset; without it the pool keeps trying. */
  readonly onHeld?: ((held: HeldPool) => void) | undefined
  /** Woken whenever something of this has changed. */
  readonly changed: Waiters
  /** Resolves when the worker's process has gone. */
  readonly gone: (worker: Worker) => Promise<void>
  /** Aborted when the pool stops. */
  readonly stopped: AbortSignal
  readonly stoppedError: () => RelayError
}

/** Judges a new worker on real jobs; rejects when it must not stay. */
export type Probe = (fresh: Worker) => Promise<void>

// A worker that falls within this time without a job behind it counts as one that did not boot.
const settledMs = 1000
// Ends that nobody asked for, and that say something about the worker's code or its surroundings.
const deaths: ReadonlySet<RetireReason | KillReason | undefined> = new Set([
  undefined,
  'ended',
  'relay_lost',
  'bad_frame',
  'wrong_job',
])

/** Places of one pool. */
export class Slots {
  readonly #options: SlotsOptions
  readonly #slots: Slot[]
  readonly #intensity: RestartIntensity
  /** Workers without a place that are being judged. */
  readonly #probation = new Set<Worker>()
  /** Knows which workers have the newer code. */
  readonly generations: Generations
  readonly #filler: Filler
  /** Monotonic ms since when the predecessors of workers that were renewed unused had been free. */
  readonly #idleSince = new WeakMap<Worker, number>()
  readonly #failedBoots = new FailedBoots()
  #hasBooted = false
  /** Lets `start` go on with the places that `bootFirst` holds back. */
  #startRest: (() => void) | undefined
  /** True once a worker of this pool has become ready. */
  #hasWorked = false

  constructor(options: SlotsOptions) {
    this.#options = options
    this.#slots = Array.from({ length: options.size }, newSlot)
    const { pool, crashLoop, clock, log, events } = options
    const size = () => this.size
    const isDown = () => this.#hasBooted && this.#slots.every((slot) => this.#keepsFailing(slot))
    this.#intensity = new RestartIntensity({ pool, policy: crashLoop, size, isDown, clock, log, events })
    this.generations = new Generations({ ...options, slots: this.#slots })
    this.#filler = new Filler({
      ...options,
      generations: this.generations,
      intensity: this.#intensity,
      isSaidOnce: options.lines !== undefined,
      settle: (slot, worker) => this.#settle(slot, worker),
      mayTry: ({ failures }) =>
        options.onHeld === undefined || this.#hasWorked || (failures === 0 && !this.#isHeld),
      onFault: (fault) => {
        this.bootRest()
        if (this.#isHeld) options.onHeld?.({ pool, workers: this.failingCount })
        if (options.onHeld !== undefined && !this.#hasWorked) return
        const isOver = this.#failedBoots.failed(clock.monotonicMs(), this.workers.length)
        if (this.#hasBooted && isOver) options.onDead(fault)
      },
    })
  }

  /** Fills the first places side by side, and the rest after `bootRest`; resolves with how each first try went. */
  async start(): Promise<readonly WorkerBoot[]> {
    const { bootFirst = this.#slots.length } = this.#options
    const rest = this.#slots.slice(bootFirst)
    const first = this.#slots.slice(0, bootFirst).map((slot) => this.#filler.fill(slot))
    if (rest.length > 0) await new Promise<void>((resolve) => (this.#startRest = resolve))
    const boots = await Promise.all([...first, ...rest.map((slot) => this.#filler.fill(slot))])
    this.#hasBooted = true
    return boots
  }

  /** Fills the places that were held back; does nothing from the second call on. */
  bootRest(): void {
    this.#startRest?.()
  }

  /** The pool stops: nobody waits for a later try, and no timer is left. */
  close(): void {
    this.#filler.close()
    this.bootRest()
    this.#intensity.close()
  }

  get size(): number {
    return this.#slots.length
  }

  get workers(): readonly Worker[] {
    return this.#slots.flatMap(({ worker }) => worker ?? [])
  }

  /** Workers whose successor is on its way. */
  get renewingCount(): number {
    return this.#slots.filter(({ worker, isRenewing }) => isRenewing && worker !== undefined).length
  }

  /** Last lines of the worker whose boot failed last. */
  get lastLines(): readonly string[] {
    return this.#filler.lastLines
  }

  get health(): PoolHealth {
    return this.#intensity.health
  }

  /** True when the successor of this worker is on its way. */
  isRenewing(worker: Worker): boolean {
    return this.#slotOf(worker)?.isRenewing === true
  }

  /** Monotonic ms since when nobody has needed this worker or those whose place it took: a renewal does not count as use. */
  idleSince(worker: Worker): number {
    return (worker.jobCount === 0 ? this.#idleSince.get(worker) : undefined) ?? worker.idleSince
  }

  /** Fills the place of a worker that leaves or has fallen, unless its successor is on the way. */
  onLeaving(worker: Worker, why: RetireReason | KillReason | undefined): void {
    const slot = this.#slotOf(worker)
    // One that has not come so far is reported by its boot.
    if (this.#options.stopped.aborted || (slot === undefined && !this.#probation.has(worker))) return
    const isDeath = deaths.has(why)
    if (isDeath) {
      const how = why === undefined || why === 'ended' ? 'ended by itself' : `fell (${why})`
      this.#intensity.onDeath(
        new Error(`${labelOf(worker.id)} ${how} after ${worker.jobCount} jobs`),
        this.lastLines,
      )
    }
    this.#probation.delete(worker)
    if (slot === undefined) return
    slot.worker = undefined
    slot.failures =
      isDeath && worker.jobCount === 0 && this.#livedMs(worker) < settledMs ? slot.failures + 1 : 0
    this.#options.changed.wake()
    // It boots while the old one leaves, so that the pool is short of a worker for as short as can be.
    if (!slot.isRenewing) void this.#filler.fill(slot)
  }

  /**
   * Brings up the successor of `old` and then lets `old` leave, so that the pool is never short of a worker. Resolves with the
   * successor; undefined when `old` has gone meanwhile, or is being renewed already. Rejects when the boot failed: `old` stays.
   */
  async renew(old: Worker, why: RetireReason, probe?: Probe): Promise<Worker | undefined> {
    if (this.#options.stopped.aborted) throw this.#options.stoppedError()
    const slot = this.#slotOf(old)
    if (slot === undefined || slot.isRenewing) return undefined
    return this.#whileRenewing(slot, async () => {
      let fresh = await this.#filler.bring(slot)
      if (probe !== undefined) {
        await this.#probe(fresh, probe)
        // It has proved itself and run its `max_jobs` doing so: the next one needs no proof.
        if (fresh.score.isGone) fresh = await this.#filler.bring(slot)
      }
      if (fresh.score.isGone) throw new Error(`${labelOf(fresh.id)} left right after it had become ready`)
      if (old.state === 'idle') this.#idleSince.set(fresh, this.idleSince(old))
      this.#settle(slot, fresh)
      old.retire(why)
      return fresh
    })
  }

  /** Renews a worker that will leave soon by itself; when the boot fails, its successor is booted once the place is empty. */
  async renewEarly(old: Worker, why: RetireReason): Promise<void> {
    try {
      await this.renew(old, why)
    } catch (error) {
      const { log, pool, stopped } = this.#options
      const facts = { pool, ...old.id, why, error: messageOf(error) }
      if (!stopped.aborted) log.warn(facts, 'the successor of a worker did not boot')
    }
  }

  /** Lets `old` leave, and brings up its successor when it has gone: there is no room for both. */
  async replace(old: Worker, why: RetireReason): Promise<void> {
    const slot = this.#slotOf(old)
    if (slot === undefined || slot.isRenewing) return
    await this.#whileRenewing(slot, () => {
      old.retire(why)
      return this.#options.gone(old)
    })
  }

  /** Adds places. */
  grow(count: number): void {
    for (let added = 0; added < count; added += 1) {
      const slot = newSlot()
      this.#slots.push(slot)
      void this.#filler.fill(slot)
    }
  }

  /** Gives the place of a worker back, which leaves; false when it has none, or its successor is on the way. */
  shrink(worker: Worker): boolean {
    const slot = this.#slotOf(worker)
    if (slot === undefined || slot.isRenewing) return false
    this.#giveBack(slot)
    slot.worker = undefined
    worker.retire('shrink')
    return true
  }

  /** Places in which boots failed, so that they are empty. */
  get failingCount(): number {
    return this.#slots.filter(isFailing).length
  }

  /** Gives back up to `count` places in which boots failed. */
  shrinkFailing(count: number): void {
    const given = count > 0 ? this.#slots.filter(isFailing).slice(-count) : []
    for (const slot of given) this.#giveBack(slot)
  }

  /** Begins a generation: boots from now on are newer than those before; places that wait for a next try begin at once. */
  newGeneration(): number {
    const generation = this.generations.begin()
    for (const slot of this.#slots) slot.failures = 0
    this.#options.lines?.forget()
    this.#filler.hurryUp()
    return generation
  }

  #slotOf(worker: Worker): Slot | undefined {
    return this.#slots.find((one) => one.worker === worker)
  }

  /** True when boots of the place failed more than once and it has no worker, or a new one without a job. */
  #keepsFailing({ worker, failures }: Slot): boolean {
    if (failures < 2) return false
    return worker === undefined || (worker.jobCount === 0 && this.#livedMs(worker) < settledMs)
  }

  /** True when every boot has failed: they are tried again only after a reset. */
  get #isHeld(): boolean {
    return (
      !this.#hasWorked && this.failingCount > 0 && !this.#slots.some(({ booting }) => booting !== undefined)
    )
  }

  #livedMs(worker: Worker): number {
    return this.#options.clock.monotonicMs() - worker.readyAt
  }

  #giveBack(slot: Slot): void {
    slot.isGone = true
    this.#slots.splice(this.#slots.indexOf(slot), 1)
  }

  /** Blocks other refills of the slot while `act` runs, and refills it afterwards if it is empty. */
  async #whileRenewing<T>(slot: Slot, act: () => Promise<T>): Promise<T> {
    slot.isRenewing = true
    try {
      return await act()
    } finally {
      slot.isRenewing = false
      slot.booting = undefined
      if (slot.worker === undefined && !slot.isGone && !this.#options.stopped.aborted)
        void this.#filler.fill(slot)
      this.#options.changed.wake()
    }
  }

  #settle(slot: Slot, worker: Worker): void {
    const isNew = !this.#probation.delete(worker)
    slot.worker = worker
    slot.booting = undefined
    this.#failedBoots.end()
    // Slots that waited for a reset try again now: with this code a worker has booted.
    if (!this.#hasWorked && this.failingCount > 0) this.#filler.hurryUp()
    this.#hasWorked = true
    if (this.#hasBooted) this.#intensity.onRestart()
    if (isNew) this.#options.onReady(worker)
    this.#options.changed.wake()
  }

  /** Lets a worker prove itself beside the one whose place it is to take. */
  async #probe(fresh: Worker, probe: Probe): Promise<void> {
    const { onReady, stopped, stoppedError } = this.#options
    this.#probation.add(fresh)
    onReady(fresh)
    try {
      await probe(fresh)
    } catch (error) {
      this.#probation.delete(fresh)
      fresh.retire('reset')
      throw stopped.aborted ? stoppedError() : error
    }
  }
}
