/**
 * Renews the slots of a pool whose workers still live: boots the successor of a worker before the worker leaves, and may judge the
 * successor on real jobs first. `slots.ts` refills the slots of workers that have ended.
 */
import { messageOf, type RelayError } from '../../../core/errors.js'
import type { Logger } from '../../../logging/logger.js'
import type { RetireReason } from '../../worker/state.js'
import type { Worker } from '../../worker/worker.js'
import { labelOf } from '../../worker/worker-id.js'
import type { Waiters } from '../queue/waiters.js'
import type { Slot } from './slot.js'

/** Parts of the pool that a renewal uses. */
export interface RenewalOptions {
  readonly pool: string
  readonly log: Logger
  /** Returns the slot of a worker; undefined when it is in none. */
  readonly slotOf: (worker: Worker) => Slot | undefined
  /** Boots a worker for a slot. Rejects with a `BootFault`. */
  readonly bring: (slot: Slot) => Promise<Worker>
  /** Puts a booted worker into its slot. */
  readonly settle: (slot: Slot, worker: Worker) => void
  /** Boots a worker for a slot that is empty after a failed renewal. */
  readonly refill: (slot: Slot) => void
  /** Called when a worker may be given work. */
  readonly onReady: (worker: Worker) => void
  /** Woken after every change of a slot. */
  readonly changed: Waiters
  /** Resolves when the worker's process has ended. */
  readonly gone: (worker: Worker) => Promise<void>
  /** Aborted when the pool stops. */
  readonly stopped: AbortSignal
  readonly stoppedError: () => RelayError
}

/** Judges a new worker on real jobs; rejects when it must not stay. */
export type CanaryProbe = (fresh: Worker) => Promise<void>

/** Renewal of the workers of one pool. */
export class Renewal {
  readonly #options: RenewalOptions
  /** Workers without a slot that are being judged. */
  readonly #probation = new Set<Worker>()
  /** Monotonic ms since when the predecessors of workers that were renewed unused had been idle. */
  readonly #idleSince = new WeakMap<Worker, number>()

  constructor(options: RenewalOptions) {
    this.#options = options
  }

  /** True for a worker without a slot that is being judged. */
  isOnProbation(worker: Worker): boolean {
    return this.#probation.has(worker)
  }

  /** Ends the judging of a worker, because it gets a slot or leaves; false when it was not judged. */
  endProbation(worker: Worker): boolean {
    return this.#probation.delete(worker)
  }

  /** Monotonic ms since when this worker and its predecessors have been idle: a renewal does not count as use. */
  idleSince(worker: Worker): number {
    return (worker.jobCount === 0 ? this.#idleSince.get(worker) : undefined) ?? worker.times.idleSince
  }

  /**
   * Boots the successor of `old` and then lets `old` leave, so that the pool never lacks a worker. Resolves with the
   * successor; undefined when `old` has left meanwhile, or is being renewed already. Rejects when the boot failed: `old` stays.
   */
  async renew(old: Worker, why: RetireReason, probe?: CanaryProbe): Promise<Worker | undefined> {
    if (this.#options.stopped.aborted) throw this.#options.stoppedError()
    const slot = this.#options.slotOf(old)
    if (slot === undefined || slot.isRenewing) return undefined
    return this.#whileRenewing(slot, async () => {
      let fresh = await this.#options.bring(slot)
      if (probe !== undefined) {
        await this.#probe(fresh, probe)
        // It has passed and run its `max_jobs` doing so: the next one needs no probe.
        if (fresh.score.isGone) fresh = await this.#options.bring(slot)
      }
      if (fresh.score.isGone) throw new Error(`${labelOf(fresh.id)} left right after it had become ready`)
      if (old.state === 'idle') this.#idleSince.set(fresh, this.idleSince(old))
      this.#options.settle(slot, fresh)
      old.retire(why)
      return fresh
    })
  }

  /** Renews a worker that will leave soon by itself; when the boot fails, its successor is booted once the slot is empty. */
  async renewEarly(old: Worker, why: RetireReason): Promise<void> {
    try {
      await this.renew(old, why)
    } catch (error) {
      const { log, pool, stopped } = this.#options
      const facts = { pool, ...old.id, why, error: messageOf(error) }
      if (!stopped.aborted) log.warn(facts, 'the successor of a worker did not boot')
    }
  }

  /** Lets `old` leave, and boots its successor when it has ended: there is no room for both. */
  async replace(old: Worker, why: RetireReason): Promise<void> {
    const slot = this.#options.slotOf(old)
    if (slot === undefined || slot.isRenewing) return
    await this.#whileRenewing(slot, () => {
      old.retire(why)
      return this.#options.gone(old)
    })
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
        this.#options.refill(slot)
      this.#options.changed.wake()
    }
  }

  /** Runs a new worker beside the one that it is to replace until the probe has passed. */
  async #probe(fresh: Worker, probe: CanaryProbe): Promise<void> {
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
