/**
 * The slots of a pool: `filler.ts` refills each when its worker ends. Grows and shrinks; `renewal.ts` replaces workers that still live; `queue/` knows which
 * workers are idle.
 *
 * Invariant: a slot has a worker that takes jobs, or one is being booted for it, until the pool stops or the slot is
 * removed. A booted worker may leave at any time, so the code that puts it into its slot checks it again in the same turn.
 */
import type { Clock } from '../../../core/clock.js'
import type { RelayError } from '../../../core/errors.js'
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
import { Renewal } from './renewal.js'
import { RestartIntensity } from './restart-intensity.js'
import { isFailing, newSlot, type Slot } from './slot.js'

/** Parts and settings of the slots. */
export interface SlotsOptions {
  readonly pool: string
  readonly size: number
  /** Number of slots that are filled first; the others follow when a boot fails, or after `bootRest`. Absent: all at once. */
  readonly bootFirst?: number | undefined
  readonly crashLoop: CrashLoopPolicy
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly events: PoolEmitter
  /** Boots one worker. Rejects with a `BootFault`. */
  readonly boot: () => Promise<Worker>
  /** Called when a worker is in its slot and may be given work. */
  readonly onReady: (worker: Worker) => void
  /** Called when no worker lives and boots have failed in a row for long, after the first ones. */
  readonly onDead: (fault: Error) => void
  /** Holds the output of boots, so that a repeated failure is logged once. */
  readonly lines?: BootLines | undefined
  /** Called when a pool of which no worker has ever booted waits for a reset; without it the pool keeps trying. */
  readonly onHeld?: ((held: HeldPool) => void) | undefined
  /** Woken after every change of a slot. */
  readonly changed: Waiters
  /** Resolves when the worker's process has ended. */
  readonly gone: (worker: Worker) => Promise<void>
  /** Aborted when the pool stops. */
  readonly stopped: AbortSignal
  readonly stoppedError: () => RelayError
}

// A worker that dies within this time without having had a job counts as one that did not boot.
const settledMs = 1000
// Reasons of an end that was not requested and speaks against the worker's code or its surroundings.
const deaths: ReadonlySet<RetireReason | KillReason | undefined> = new Set([
  undefined,
  'ended',
  'relay_lost',
  'bad_frame',
  'wrong_job',
])

/** Slots of one pool. */
export class Slots {
  readonly #options: SlotsOptions
  readonly #slots: Slot[]
  readonly #intensity: RestartIntensity
  /** Knows which workers have the newer code. */
  readonly generations: Generations
  /** Replaces workers that still live. */
  readonly renewal: Renewal
  readonly #filler: Filler
  readonly #failedBoots = new FailedBoots()
  #hasBooted = false
  /** Lets `start` go on with the slots that `bootFirst` holds back. */
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
    this.renewal = new Renewal({
      ...options,
      slotOf: (worker) => this.#slotOf(worker),
      bring: (slot) => this.#filler.bring(slot),
      settle: (slot, worker) => this.#settle(slot, worker),
      refill: (slot) => void this.#filler.fill(slot),
    })
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

  /** Fills the first slots in parallel, and the rest after `bootRest`; resolves with the result of each first try. */
  async start(): Promise<readonly WorkerBoot[]> {
    const { bootFirst = this.#slots.length } = this.#options
    const rest = this.#slots.slice(bootFirst)
    const first = this.#slots.slice(0, bootFirst).map((slot) => this.#filler.fill(slot))
    if (rest.length > 0) await new Promise<void>((resolve) => (this.#startRest = resolve))
    const boots = await Promise.all([...first, ...rest.map((slot) => this.#filler.fill(slot))])
    this.#hasBooted = true
    return boots
  }

  /** Fills the slots that were held back; does nothing from the second call on. */
  bootRest(): void {
    this.#startRest?.()
  }

  /** Cancels waits and timers because the pool stops. */
  close(): void {
    this.#filler.close()
    this.bootRest()
    this.#intensity.close()
  }

  get size(): number {
    return this.#slots.length
  }

  /** Jobs that the workers can run at the same time. Asked for with each job: it makes no list. */
  get placeCount(): number {
    let count = 0
    for (const { worker } of this.#slots) if (worker !== undefined) count += worker.places.length
    return count
  }

  get workers(): readonly Worker[] {
    return this.#slots.flatMap(({ worker }) => worker ?? [])
  }

  /** Number of workers whose successor is booting. */
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

  /** True when the successor of this worker is booting. */
  isRenewing(worker: Worker): boolean {
    return this.#slotOf(worker)?.isRenewing === true
  }

  /** Refills the slot of a worker that leaves or has died, unless its successor is booting. */
  onLeaving(worker: Worker, why: RetireReason | KillReason | undefined): void {
    const slot = this.#slotOf(worker)
    // A worker that was never in a slot is reported by its boot.
    if (this.#options.stopped.aborted || (slot === undefined && !this.renewal.isOnProbation(worker))) return
    const isDeath = deaths.has(why)
    if (isDeath) {
      const how = why === undefined || why === 'ended' ? 'ended by itself' : `died (${why})`
      this.#intensity.onDeath(
        new Error(`${labelOf(worker.id)} ${how} after ${worker.jobCount} jobs`),
        this.lastLines,
      )
    }
    this.renewal.endProbation(worker)
    if (slot === undefined) return
    slot.worker = undefined
    slot.failures =
      isDeath && worker.jobCount === 0 && this.#livedMs(worker) < settledMs ? slot.failures + 1 : 0
    this.#options.changed.wake()
    // It boots while the old one leaves, so that the pool lacks a worker as briefly as possible.
    if (!slot.isRenewing) void this.#filler.fill(slot)
  }

  /** Adds slots. */
  grow(count: number): void {
    for (let added = 0; added < count; added += 1) {
      const slot = newSlot()
      this.#slots.push(slot)
      void this.#filler.fill(slot)
    }
  }

  /** Removes the slot of a worker, which leaves; false when it has none, or its successor is booting. */
  shrink(worker: Worker): boolean {
    const slot = this.#slotOf(worker)
    if (slot === undefined || slot.isRenewing) return false
    this.#remove(slot)
    slot.worker = undefined
    worker.retire('shrink')
    return true
  }

  /** Number of slots that are empty because boots failed. */
  get failingCount(): number {
    return this.#slots.filter(isFailing).length
  }

  /** Removes up to `count` slots without a worker: those in which boots failed, or which `isMeant`. */
  shrinkEmpty(count: number, isMeant: (slot: Slot) => boolean = isFailing): void {
    const given = count > 0 ? this.#slots.filter(isMeant).slice(-count) : []
    for (const slot of given) this.#remove(slot)
  }

  /** Begins a generation: boots from now on are newer than those before; slots that wait for a next try begin at once. */
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

  /** True when boots of the slot failed more than once and it has no worker, or a new one without a job. */
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
    return this.#options.clock.monotonicMs() - worker.times.readyAt
  }

  #remove(slot: Slot): void {
    slot.isGone = true
    this.#slots.splice(this.#slots.indexOf(slot), 1)
  }

  #settle(slot: Slot, worker: Worker): void {
    const isNew = !this.renewal.endProbation(worker)
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
}
