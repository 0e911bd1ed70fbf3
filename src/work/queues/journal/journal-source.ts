/**
 * The source of a pipeline in a journal: a push is answered when it is on the disk, and so is what became of a job. Jobs in hand when the
 * server is killed are delivered again.
 */
import { type Clock, type Journal, type Logger, messageOf, onAbort, type Timer } from '../../../index.js'
import type {
  Delivery,
  FailedDelivery,
  FailedStore,
  KeptMessage,
  NewJob,
  SettledDelivery,
  Source,
  SourceCounts,
} from '../../source.js'
import { turnOfHeaders } from '../../turns.js'
import { journalGuarantees } from './guarantees.js'
import { JobOrder } from './job-order.js'
import { type JournalJob, journalDelivery, lastOf, loadJobs, newJournalJob } from './journal-jobs.js'
import { jobEntry, jobKey, readJob, stateEntry, stateKey, storedBody } from './stored-job.js'

/** Options of a source. */
export interface JournalSourceOptions {
  /** The entries of this pipeline; closed with the source. */
  readonly journal: Journal
  /** Name of the driver. */
  readonly kind: string
  readonly pipeline: string
  readonly clock: Clock
  readonly log: Logger
  /** Priority of jobs that have none. */
  readonly priority: number
  /** Deliveries of one pull at most. */
  readonly pullMax: number
  /** Header that names the lane of a job; empty: none does. */
  readonly laneHeader: string
  /** Header whose values take turns within a priority; absent: jobs come by age. */
  readonly fairBy?: string | undefined
}

const waitMsDefault = 20_000
const jobsMax = 1_000_000
const oweAgainMs = 1000
/** Sequence numbers of a millisecond: those of a new process are above all that there were. */
const numbersOfMs = 1000

/** A source. */
export class JournalSource implements Source {
  readonly guarantees = journalGuarantees
  readonly failed: FailedStore
  readonly #options: JournalSourceOptions
  readonly #jobs: Map<number, JournalJob>
  readonly #order = new JobOrder<JournalJob>()
  readonly #kept = new Map<number, JournalJob>()
  /** Jobs that are done, and could not be taken off the disk yet. */
  readonly #owed = new Set<JournalJob>()
  #owing: Timer | undefined
  #sequence: number
  #inHand = 0
  #wakes = new Set<() => void>()

  constructor(options: JournalSourceOptions) {
    const { journal, clock, fairBy } = options
    this.#options = options
    const nowMs = clock.nowMs()
    this.#jobs = loadJobs(journal, fairBy)
    for (const job of this.#jobs.values())
      if (job.failure === undefined) this.#order.add(job, nowMs)
      else this.#kept.set(job.sequence, job)
    this.#sequence = Math.max(Math.floor(nowMs) * numbersOfMs, lastOf(this.#jobs))
    this.failed = {
      keep: (failed) => this.#keep(failed),
      list: async (max) => this.#listKept(max),
      redrive: (ids) => this.#redrive(ids),
      count: async () => this.#kept.size,
    }
  }

  async pull(want: number, signal: AbortSignal, waitMs = waitMsDefault): Promise<readonly Delivery[]> {
    const { clock, pullMax } = this.#options
    const endMs = clock.nowMs() + waitMs
    while (!signal.aborted) {
      const taken = this.#take(Math.min(want, pullMax))
      if (taken.length > 0 || clock.nowMs() >= endMs) return taken
      await this.#change(endMs, signal)
    }
    return []
  }

  /** A job that is done and cannot be taken off the disk has a fault, and is not delivered again while this process lives. */
  async settle(items: readonly SettledDelivery[]): Promise<readonly (Error | undefined)[]> {
    const { journal, clock } = this.#options
    const nowMs = clock.nowMs()
    const found = items.map(({ delivery, verdict }) => ({ job: this.#jobOf(delivery), verdict }))
    const changes = found.flatMap(({ job, verdict }) => {
      if (job === undefined) return []
      if (verdict.kind !== 'retry') return removal(job)
      job.tries += 1
      job.dueMs = verdict.afterMs === undefined ? 0 : nowMs + verdict.afterMs
      return [stateEntry(job.sequence, job)]
    })
    const fault = await written(journal.write(changes, { isEssential: true }))
    for (const { job, verdict } of found) {
      if (job === undefined) continue
      this.#inHand -= 1
      if (verdict.kind === 'retry') {
        // Where it could not be written the try is not counted after a restart: nothing is lost.
        job.hasState ||= fault === undefined
        this.#order.putBack(job, clock.nowMs())
      } else this.#end(job, fault)
    }
    this.#wake()
    return found.map(({ job, verdict }) => {
      if (job === undefined) return new Error('the job is not in hand: it was settled or released before')
      return verdict.kind === 'retry' ? undefined : fault
    })
  }

  async release(deliveries: readonly Delivery[]): Promise<void> {
    for (const delivery of deliveries) {
      const job = this.#jobOf(delivery)
      if (job === undefined) continue
      this.#inHand -= 1
      job.dueMs = 0
      this.#order.putBack(job, this.#options.clock.nowMs())
    }
    this.#wake()
  }

  async push(jobs: readonly NewJob[]): Promise<void> {
    const { journal, clock, pipeline, fairBy } = this.#options
    if (this.#jobs.size + jobs.length > jobsMax)
      throw new Error(`pipeline "${pipeline}" holds ${this.#jobs.size} jobs, ${jobsMax} at most`)
    const nowMs = clock.nowMs()
    const added: JournalJob[] = []
    const entries = jobs.map((given) => {
      const job = this.#completed(given)
      const { priority, lane, delayMs } = job
      const dueMs = delayMs > 0 ? nowMs + delayMs : 0
      this.#sequence += 1
      const turn = fairBy === undefined ? '' : turnOfHeaders(job.headers, fairBy)
      added.push(newJournalJob({ sequence: this.#sequence, priority, lane, turn, dueMs, pushedMs: nowMs }))
      return jobEntry(this.#sequence, job, nowMs)
    })
    await journal.write(entries)
    const addedMs = clock.nowMs()
    for (const job of added) {
      this.#jobs.set(job.sequence, job)
      this.#order.add(job, addedMs)
    }
    this.#wake()
  }

  async counts(): Promise<SourceCounts> {
    return { active: this.#order.ready, delayed: this.#order.later, reserved: this.#inHand }
  }

  oldestMs(): number | undefined {
    const { oldest } = this.#order
    return oldest === undefined ? undefined : Math.max(0, this.#options.clock.nowMs() - oldest.pushedMs)
  }

  async close(): Promise<void> {
    this.#owing?.clear()
    await this.#options.journal.close()
  }

  #take(max: number): readonly Delivery[] {
    const { journal, clock, kind, pipeline } = this.#options
    const taken: Delivery[] = []
    while (taken.length < max) {
      const job = this.#order.take(clock.nowMs())
      if (job === undefined) break
      const value = journal.get(jobKey(job.sequence))
      if (value === undefined) throw new Error(`bug in relayrunner: job ${job.sequence} has no entry`)
      job.deliveries += 1
      job.receipt += 1
      this.#inHand += 1
      taken.push(journalDelivery(job, { stored: readJob(value), body: storedBody(value), kind, pipeline }))
    }
    return taken
  }

  /** Gives a job the priority and the lane that it does not name itself. */
  #completed(job: NewJob): NewJob {
    const { priority, laneHeader } = this.#options
    const lane = job.lane ?? (laneHeader === '' ? undefined : job.headers[laneHeader]?.[0])
    if (job.priority > 0 && lane === job.lane) return job
    const own = { ...job, priority: job.priority > 0 ? job.priority : priority }
    return lane === undefined ? own : { ...own, lane }
  }

  /** The job of a delivery, which is no longer in hand afterwards; undefined when it has been settled or released. */
  #jobOf({ id, record: { receipt } }: Delivery): JournalJob | undefined {
    const job = this.#jobs.get(Number(id))
    if (job === undefined || job.receipt !== receipt || job.failure !== undefined) return undefined
    job.receipt += 1
    return job
  }

  #end(job: JournalJob, fault: Error | undefined): void {
    this.#order.finish(job)
    if (fault === undefined) {
      this.#jobs.delete(job.sequence)
      return
    }
    this.#owed.add(job)
    this.#oweLater()
  }

  /** Tries again to take off the disk what is done: until then a restart would run it again. */
  #oweLater(): void {
    const { clock, journal, log, pipeline } = this.#options
    this.#owing ??= clock.timer(oweAgainMs, () => {
      this.#owing = undefined
      const owed = [...this.#owed]
      void written(journal.write(owed.flatMap(removal), { isEssential: true })).then((fault) => {
        if (fault !== undefined) return this.#oweLater()
        for (const job of owed) {
          this.#owed.delete(job)
          this.#jobs.delete(job.sequence)
        }
        log.info({ pipeline, count: owed.length }, 'jobs that were done are off the disk now')
      })
    })
  }

  async #keep({ delivery, why, attempt }: FailedDelivery): Promise<void> {
    const { journal, clock } = this.#options
    const job = this.#jobs.get(Number(delivery.id))
    if (job === undefined || job.receipt !== delivery.record.receipt)
      throw new Error('the job is not in hand: it was settled or released before')
    const failure = { why, attempt, atMs: clock.nowMs() }
    const entry = stateEntry(job.sequence, { tries: job.tries + 1, dueMs: 0, failure })
    await journal.write([entry], { isEssential: true })
    job.receipt += 1
    job.tries += 1
    job.failure = failure
    job.hasState = true
    this.#inHand -= 1
    this.#kept.set(job.sequence, job)
    this.#order.finish(job)
    this.#wake()
  }

  #listKept(max: number): readonly KeptMessage[] {
    const oldest = [...this.#kept.values()].sort((a, b) => (a.failure?.atMs ?? 0) - (b.failure?.atMs ?? 0))
    return oldest.slice(0, max).map(({ sequence, failure }) => {
      const value = this.#options.journal.get(jobKey(sequence))
      const { why = '', attempt, atMs } = failure ?? {}
      return {
        id: String(sequence),
        name: value === undefined ? '' : readJob(value).name,
        attempt,
        why,
        atMs,
      }
    })
  }

  async #redrive(ids?: readonly string[]): Promise<number> {
    const { journal, clock } = this.#options
    const wanted = ids?.map(Number) ?? [...this.#kept.keys()]
    const jobs = wanted.flatMap((sequence) => this.#kept.get(sequence) ?? [])
    for (const { sequence } of jobs) this.#kept.delete(sequence)
    const changes = jobs.map(({ sequence }) => ({ key: stateKey(sequence) }))
    const fault = await written(journal.write(changes, { isEssential: true }))
    if (fault !== undefined) {
      for (const job of jobs) this.#kept.set(job.sequence, job)
      throw fault
    }
    for (const job of jobs) {
      Object.assign(job, { failure: undefined, tries: 0, deliveries: 0, dueMs: 0, hasState: false })
      this.#order.add(job, clock.nowMs())
    }
    this.#wake()
    return jobs.length
  }

  /** Resolves at the next change, or when a job is due. */
  #change(endMs: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options
    const nextMs = Math.min(endMs, this.#order.nextDueMs ?? endMs)
    return new Promise((resolve) => {
      let timer: Timer | undefined
      const done = () => {
        timer?.clear()
        stopListening()
        this.#wakes.delete(done)
        resolve()
      }
      const stopListening = onAbort(signal, done)
      this.#wakes.add(done)
      timer = clock.timer(Math.max(0, nextMs - clock.nowMs()), done)
    })
  }

  #wake(): void {
    if (this.#wakes.size === 0) return
    for (const wake of [...this.#wakes]) wake()
  }
}

/** The fault of a write; undefined when it is on the disk. */
function written(write: Promise<void>): Promise<Error | undefined> {
  return write.then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error : new Error(messageOf(error))),
  )
}

function removal({ sequence, hasState }: JournalJob) {
  return [{ key: jobKey(sequence) }, ...(hasState ? [{ key: stateKey(sequence) }] : [])]
}
