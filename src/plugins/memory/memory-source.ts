/**
 * A queue of this process: jobs by weight of their priorities, and within one in the order in which they came. A job is one object from its
 * push to its end.
 *
 * Invariant: a job is in the line, among the delayed ones, or reserved, and `#ids` holds the ids of all three.
 */
import { type Clock, ErrorCode, onAbort, RelayError, type Timer } from '../../index.js'
import { FairLine } from '../../work/queues/fair-line.js'
import { LostMessage } from '../../work/queues/lost-message.js'
import { Heap } from '../../work/queues/memory/heap.js'
import type { NewJob, SettledDelivery, Source, SourceCounts } from '../../work/source.js'
import { turnOfHeaders } from '../../work/turns.js'
import { memoryGuarantees } from './guarantees.js'
import { MemoryJob } from './memory-job.js'

/** Options of a source. */
export interface MemorySourceOptions {
  /** Name of the pipeline. */
  readonly name: string
  /** Priority of jobs that have none. */
  readonly priority: number
  /** Jobs of one pull at most. */
  readonly prefetch: number
  /** Header whose values take turns within a priority. */
  readonly fairBy?: string | undefined
  readonly clock: Clock
}

// Shows early that nothing consumes the queue.
const jobsMax = 1_000_000
const waitMsDefault = 20_000
/** A queue. */
export class MemorySource implements Source {
  readonly guarantees = memoryGuarantees
  readonly #options: MemorySourceOptions
  readonly #line = new FairLine<MemoryJob>()
  readonly #delayed = new Heap<MemoryJob>((a, b) => a.readyAtMs < b.readyAtMs)
  readonly #reserved = new Set<MemoryJob>()
  readonly #ids = new Set<string>()
  #timer: Timer | undefined
  #timerAtMs = Number.POSITIVE_INFINITY
  #wakes: (() => void)[] = []
  #count = 0

  constructor(options: MemorySourceOptions) {
    this.#options = options
  }

  async pull(want: number, signal: AbortSignal, waitMs = waitMsDefault): Promise<readonly MemoryJob[]> {
    const countMax = Math.min(want, this.#options.prefetch)
    const taken = this.#take(countMax)
    if (taken.length > 0 || waitMs <= 0 || signal.aborted) return taken
    await this.#change(waitMs, signal)
    return signal.aborted ? [] : this.#take(countMax)
  }

  async settle(items: readonly SettledDelivery[]): Promise<readonly (Error | undefined)[]> {
    return items.map(({ delivery, verdict }) => {
      if (!(delivery instanceof MemoryJob) || !this.#reserved.delete(delivery)) return gone()
      if (verdict.kind === 'retry') this.#putBack(delivery, verdict.afterMs ?? 0)
      else this.#ids.delete(delivery.id)
      return undefined
    })
  }

  acknowledge(items: readonly SettledDelivery[]): void {
    for (const { delivery } of items)
      if (delivery instanceof MemoryJob && this.#reserved.delete(delivery)) this.#ids.delete(delivery.id)
  }

  async release(deliveries: readonly MemoryJob[]): Promise<void> {
    // The last first, so that they are in their order again.
    for (const job of deliveries.toReversed()) if (this.#reserved.delete(job)) this.#putBack(job, 0)
  }

  async push(jobs: readonly NewJob[]): Promise<void> {
    const { name, priority } = this.#options
    if (this.#ids.size + jobs.length > jobsMax)
      throw new RelayError(ErrorCode.QueueRefused, `${name} holds ${this.#ids.size} jobs, ${jobsMax} fit`)
    const nowMs = this.#options.clock.nowMs()
    for (const job of jobs) {
      const own = new MemoryJob(job, { id: this.#freeId(job.id), pipeline: name, priority, nowMs })
      this.#add(own, job.delayMs)
    }
    this.#wake()
  }

  async counts(): Promise<SourceCounts> {
    this.#surface()
    return { active: this.#line.size, delayed: this.#delayed.size, reserved: this.#reserved.size }
  }

  oldestMs(): number | undefined {
    this.#surface()
    let oldest: number | undefined
    for (const { pushedAtMs } of this.#line.firsts()) oldest = Math.min(oldest ?? pushedAtMs, pushedAtMs)
    return oldest === undefined ? undefined : Math.max(0, this.#options.clock.nowMs() - oldest)
  }

  async close(): Promise<void> {
    this.#timer?.clear()
    this.#wake()
  }

  /** Without `fair_by` all jobs of a priority have the same one. */
  #turnOf({ headers }: MemoryJob): string {
    const { fairBy } = this.#options
    return fairBy === undefined ? '' : turnOfHeaders(headers, fairBy)
  }

  /** Takes the job's own id; with a number behind it while another job of that id is there. */
  #freeId(id: string): string {
    const { size } = this.#ids
    if (this.#ids.add(id).size > size) return id
    this.#count += 1
    return this.#freeId(`${id}#${this.#count}`)
  }

  #take(countMax: number): readonly MemoryJob[] {
    this.#surface()
    const taken: MemoryJob[] = []
    while (taken.length < countMax) {
      const job = this.#line.take()
      if (job === undefined) break
      job.attempt += 1
      this.#reserved.add(job)
      taken.push(job)
    }
    return taken
  }

  #putBack(job: MemoryJob, afterMs: number): void {
    if (afterMs > 0) this.#add(job, afterMs)
    else this.#line.addFirst(job, job.priority, this.#turnOf(job))
    this.#wake()
  }

  #add(job: MemoryJob, delayMs: number): void {
    if (delayMs <= 0) {
      this.#line.add(job, job.priority, this.#turnOf(job))
      return
    }
    job.readyAtMs = this.#options.clock.nowMs() + delayMs
    this.#delayed.add(job)
    this.#arm()
  }

  /** Puts the delayed jobs in line whose time has come. */
  #surface(): void {
    if (this.#delayed.size === 0) return
    const nowMs = this.#options.clock.nowMs()
    for (let next = this.#delayed.first; next !== undefined; next = this.#delayed.first) {
      if (next.readyAtMs > nowMs) return
      this.#delayed.remove(next)
      this.#line.add(next, next.priority, this.#turnOf(next))
    }
  }

  #arm(): void {
    const atMs = this.#delayed.first?.readyAtMs ?? Number.POSITIVE_INFINITY
    if (atMs >= this.#timerAtMs) return
    this.#timer?.clear()
    this.#timerAtMs = atMs
    this.#timer = this.#options.clock.timer(Math.max(0, atMs - this.#options.clock.nowMs()), () => {
      this.#timerAtMs = Number.POSITIVE_INFINITY
      this.#wake()
      this.#surface()
      this.#arm()
    })
  }

  /** Resolves at the next change. */
  #change(waitMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        timer.clear()
        stopListening()
        this.#wakes = this.#wakes.filter((wake) => wake !== done)
        resolve()
      }
      const timer = this.#options.clock.timer(waitMs, done)
      const stopListening = onAbort(signal, done)
      this.#wakes.push(done)
    })
  }

  #wake(): void {
    if (this.#wakes.length > 0) for (const wake of this.#wakes.splice(0)) wake()
  }
}

function gone(): LostMessage {
  return new LostMessage('the job is not with a worker: it has ended, or has been put back')
}
