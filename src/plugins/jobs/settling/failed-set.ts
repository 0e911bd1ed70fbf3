/**
 * Deliveries of one pipeline that failed for good and are still in its queue. Kept ones are neither settled nor run until they are
 * redriven; left ones are not run until the queue's own policy has moved them.
 */
import {
  type Delivery,
  type Fault,
  FaultKind,
  type KeptMessage,
  makeFault,
  typedText,
  type Verdict,
} from '../../../work/index.js'
import { jobFact } from '../../../work/protocols/record-headers.js'

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

/** Verdict on a job that is left to its queue and was delivered once more. */
export const leftVerdict: Verdict = {
  kind: 'retry',
  why: makeFault(FaultKind.failed, 'the job has failed for good'),
  afterMs: 1000,
}

/** Describes a kept delivery as a queue would that keeps it itself. */
export function keptOf({ delivery, why, attempt, atMs }: FailedJob): KeptMessage {
  const name = jobFact(delivery, 'name') ?? ''
  return { id: delivery.id, name, attempt, why: typedText(why), atMs }
}

/** Kept deliveries by their ids. */
export class FailedSet {
  readonly #jobs = new Map<string, FailedJob>()
  /** Ids of those that are left, the oldest first. */
  readonly #left = new Set<string>()

  get size(): number {
    return this.#jobs.size
  }

  get isFull(): boolean {
    return this.#jobs.size >= failedMax
  }

  /** True for a kept delivery. */
  has(id: string): boolean {
    return this.#jobs.has(id)
  }

  /** True for a delivery that is left to its queue. */
  isLeft(id: string): boolean {
    return this.#left.has(id)
  }

  /** Leaves a delivery to its queue. The oldest make room: such a one would be run once more. */
  leave(id: string): void {
    this.#left.add(id)
    const [oldest] = this.#left
    if (this.#left.size > failedMax && oldest !== undefined) this.#left.delete(oldest)
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
