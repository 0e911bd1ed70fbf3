/**
 * Knows which workers of a pool have the newer code: those whose boot began after the request of a reset. Records the
 * generation in which each boot began, and lets a reset find the older workers and wait for the first new one.
 */
import type { RelayError } from '../../../core/errors.js'
import type { Worker } from '../../worker/worker.js'
import type { Waiters } from '../queue/waiters.js'
import type { Slot } from './slot.js'

/** Parts of the pool that its generations use. */
export interface GenerationsOptions {
  readonly slots: readonly Slot[]
  /** Woken whenever a slot has changed. */
  readonly changed: Waiters
  /** Aborted when the pool stops. */
  readonly stopped: AbortSignal
  readonly stoppedError: () => RelayError
}

/** Generations of the workers of one pool. */
export class Generations {
  readonly #options: GenerationsOptions
  readonly #ofWorker = new WeakMap<Worker, number>()
  #current = 0
  #booted = -1
  #failed: { readonly generation: number; readonly error: unknown } | undefined

  constructor(options: GenerationsOptions) {
    this.#options = options
  }

  /** Generation of boots that begin now. */
  get current(): number {
    return this.#current
  }

  /** Begins the next generation: boots from now on are newer than those before. */
  begin(): number {
    this.#current += 1
    return this.#current
  }

  /** Records the worker of a boot that began in `generation`. */
  onBooted(worker: Worker, generation: number): void {
    this.#ofWorker.set(worker, generation)
    this.#booted = Math.max(this.#booted, generation)
  }

  /** Records that a boot of `generation` failed. */
  onFailed(error: unknown, generation: number): void {
    this.#failed = { generation, error }
  }

  /**
   * Resolves with the next worker that is older than `generation`, also with one that is still booting; undefined when there
   * is none.
   */
  async nextStale(generation: number): Promise<Worker | undefined> {
    const { slots, changed, stopped, stoppedError } = this.#options
    for (;;) {
      if (stopped.aborted) throw stoppedError()
      const isOld = ({ worker }: Slot) => worker !== undefined && this.#of(worker) < generation
      const found = slots.find((slot) => isOld(slot) && !slot.isRenewing)
      if (found !== undefined) return found.worker
      const isComing = (slot: Slot) => slot.booting !== undefined && slot.booting < generation
      if (!slots.some((slot) => isOld(slot) || isComing(slot))) return undefined
      await changed.wait()
    }
  }

  /** Resolves when a worker of `generation` or later has booted; rejects with the fault of the first that did not. */
  async firstBoot(generation: number): Promise<void> {
    const { changed, stopped, stoppedError } = this.#options
    while (this.#booted < generation) {
      if (stopped.aborted) throw stoppedError()
      if (this.#failed !== undefined && this.#failed.generation >= generation) throw this.#failed.error
      await changed.wait()
    }
  }

  #of(worker: Worker): number {
    return this.#ofWorker.get(worker) ?? -1
  }
}
