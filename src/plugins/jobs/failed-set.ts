/** Deliveries of one pipeline that failed for good and are kept: neither settled nor run, until somebody puts them back. */
import type { Delivery, Fault } from '../../work/index.js'

/** A kept delivery. */
export interface FailedJob {
  readonly delivery: Delivery
  readonly why: Fault
  /** Tries that it had. */
  readonly attempt: number
  /** Wall-clock ms of the last one. */
  readonly atMs: number
}

/** Deliveries that are kept at most. */
const failedMax = 100_000

/** Kept deliveries by their ids. */
export class FailedSet {
  readonly #jobs = new Map<string, FailedJob>()

  get size(): number {
    return this.#jobs.size
  }

  get isFull(): boolean {
    return this.#jobs.size >= failedMax
  }

  has(id: string): boolean {
    return this.#jobs.has(id)
  }

  /** Keeps a delivery. */
  add(job: FailedJob): void {
    this.#jobs.set(job.delivery.id, job)
  }

  /** The source has delivered a kept message again: the new delivery stands for it from now on. */
  replace(delivery: Delivery): void {
    const job = this.#jobs.get(delivery.id)
    if (job !== undefined) this.#jobs.set(delivery.id, { ...job, delivery })
  }

  /** The kept deliveries, the oldest first. */
  list(): readonly FailedJob[] {
    return [...this.#jobs.values()]
  }

  /** Takes deliveries out: those of these ids, all without. Ids that are not there are ignored. */
  take(ids?: readonly string[]): readonly FailedJob[] {
    const taken = (ids ?? [...this.#jobs.keys()]).flatMap((id) => this.#jobs.get(id) ?? [])
    for (const { delivery } of taken) this.#jobs.delete(delivery.id)
    return taken
  }
}
