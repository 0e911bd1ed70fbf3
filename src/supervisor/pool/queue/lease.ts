/** The right to one worker at a time, kept over jobs: a worker that left is replaced by the next idle one. */
import { onAbort, type Undo } from '../../../core/abort.js'
import { assert } from '../../../core/assert.js'
import type { Clock } from '../../../core/clock.js'
import { ErrorCode, messageOf, RelayError } from '../../../core/errors.js'
import type { Job, Reply, RunOptions } from '../../job.js'
import type { LedgerEntry } from '../../ledger.js'
import { jobIdFeature } from '../../worker/job/id.js'
import type { Outcome } from '../../worker/job/outcome.js'
import type { WorkerPlace } from '../../worker/place.js'
import { checkedJob, checkRunOptions } from '../job-check.js'
import type { JobRecords } from '../job-records.js'
import type { JobSink, Lease } from '../pool.js'
import type { WorkerQueue } from './worker-queue.js'

/** Parts of a pool that its leases use; one object for all of them. */
export interface LeaseParts {
  readonly pool: string
  readonly clock: Clock
  readonly queue: WorkerQueue
  readonly records: JobRecords
}

// A worker may ask to leave instead of answering, and the next one, too. Code that always does would go round for ever.
const handOversMax = 16

/** Makes the error for a job that its caller gave up. */
export function abortedError(job: Job): RelayError {
  return new RelayError(ErrorCode.JobAborted, `the caller gave up job ${job.id ?? '(unnamed)'}`)
}

/** A job under way on a lease. */
interface Call {
  readonly job: Job
  readonly options: RunOptions
  readonly sink: JobSink
  /** True when it was sent to wait behind another one. */
  readonly isNext: boolean
  /** Workers that have not answered it. */
  handOvers: number
  /** Ledger entry of the try that runs, for `records.settled`. */
  entry: LedgerEntry | undefined
  startedAt: number | undefined
  stopListening: Undo | undefined
}

/** A lease on workers of one pool. */
export class PoolLease implements Lease {
  readonly #parts: LeaseParts
  #worker: WorkerPlace | undefined
  #call: Call | undefined
  /** Call whose job waits in the worker's pipe. */
  #nextCall: Call | undefined
  #isSendingNext = false
  #isReleased = false

  constructor(parts: LeaseParts, worker: WorkerPlace) {
    this.#parts = parts
    this.#worker = worker
    parts.queue.lend()
  }

  get pid(): number | undefined {
    return this.#worker?.pid
  }

  get mayGoOn(): boolean {
    return this.#worker?.state === 'idle' && this.#parts.queue.line.length === 0
  }

  run(job: Job, options: RunOptions = {}): Promise<Reply> {
    return new Promise((done, failed) => this.start(job, options, { done, failed }))
  }

  start(given: Job, options: RunOptions, sink: JobSink): void {
    const { pool } = this.#parts
    assert(this.#call === undefined, `a second job on a lease of pool "${pool}"`)
    assert(!this.#isReleased, `a job on a released lease of pool "${pool}"`)
    const call = this.#newCall(given, options, sink)
    this.#call = call
    this.#send(call)
  }

  hasRoom(isNeeded: boolean): boolean {
    const worker = this.#worker
    if (worker === undefined || this.#isReleased || this.#parts.queue.line.length > 0) return false
    return worker.hasRoom && (!isNeeded || worker.has(jobIdFeature))
  }

  startNext(given: Job, options: RunOptions, sink: JobSink): void {
    const worker = this.#worker
    assert(worker?.hasRoom === true, `a second job for a worker of pool "${this.#parts.pool}" without room`)
    this.#nextCall = this.#newCall(given, options, sink)
    this.#isSendingNext = true
    this.#sendTo(worker, this.#nextCall)
    this.#isSendingNext = false
  }

  joinWrites(): Undo {
    return this.#worker?.joinWrites() ?? (() => undefined)
  }

  #newCall(given: Job, options: RunOptions, sink: JobSink): Call {
    const { pool, clock } = this.#parts
    const job = checkedJob(given, pool)
    checkRunOptions(options, { pool, id: job.id, nowMs: clock.nowMs() })
    const isNext = this.#call !== undefined
    const notSent = { entry: undefined, startedAt: undefined, stopListening: undefined }
    return { job, options, sink, isNext, handOvers: 0, ...notSent }
  }

  release(): void {
    if (this.#isReleased) return
    this.#isReleased = true
    if (this.#call === undefined) this.#letGo()
  }

  #letGo(): void {
    const worker = this.#worker
    this.#worker = undefined
    this.#parts.queue.giveBack(worker)
  }

  #send(call: Call): void {
    if (this.#worker === undefined) this.#takeAnother(call)
    else this.#sendTo(this.#worker, call)
  }

  #sendTo(worker: WorkerPlace, call: Call): void {
    const { records } = this.#parts
    const { job, options } = call
    const { signal } = options
    call.entry = records.assigned(job)
    call.startedAt = records.startedAt()
    if (signal?.aborted === true) {
      this.#onOutcome({ kind: 'fault', error: abortedError(job) })
      return
    }
    if (signal !== undefined)
      call.stopListening = onAbort(signal, () => worker.kill('aborted', abortedError(job)))
    if (this.#isSendingNext) worker.startNext(job, options, this.#onOutcome)
    else worker.start(job, options, this.#onOutcome)
  }

  /** One function for all jobs of the lease. */
  readonly #onOutcome = (outcome: Outcome): void => {
    // Only a job that could not be sent ends before the one that runs.
    const call = this.#isSendingNext ? this.#nextCall : this.#call
    assert(call !== undefined, 'an outcome without a job')
    call.stopListening?.()
    this.#parts.records.settled(call.job, call.entry, call.startedAt, outcome)
    if (outcome.kind === 'reply') {
      this.#end(call)
      call.sink.done(outcome.reply)
    } else if (outcome.kind === 'fault') this.#fail(call, outcome.error)
    else if (this.#nextCall !== undefined || call.isNext) this.#return(call)
    else {
      this.#worker = undefined
      call.handOvers += 1
      if (call.handOvers <= handOversMax) this.#takeAnother(call)
      else this.#fail(call, this.#refused(call))
    }
  }

  /** Waits ahead of the line for another worker, until the job's own deadline at most. */
  #takeAnother(call: Call): void {
    const { deadlineMs, signal } = call.options
    const taken = this.#parts.queue.take(
      { front: true, ...(signal === undefined ? {} : { signal }) },
      deadlineMs,
    )
    taken.then(
      (worker) => {
        this.#worker = worker
        this.#send(call)
      },
      (error: unknown) => this.#fail(call, asError(error)),
    )
  }

  #fail(call: Call, error: Error): void {
    this.#end(call)
    call.sink.failed(error)
  }

  /** Gives a job back: the worker that leaves without it may still have another one in its pipe. */
  #return(call: Call): void {
    if (this.#nextCall === undefined) this.#worker = undefined
    this.#end(call)
    call.sink.returned?.()
  }

  #end(call: Call): void {
    if (call === this.#call) {
      this.#call = this.#nextCall
      // So far it has only waited.
      if (this.#call !== undefined) this.#call.startedAt = this.#parts.records.startedAt()
    }
    this.#nextCall = undefined
    if (this.#isReleased && this.#call === undefined) this.#letGo()
  }

  #refused(call: Call): RelayError {
    const text = `${call.handOvers} workers of pool "${this.#parts.pool}" asked to leave instead of answering a job`
    return new RelayError(ErrorCode.JobFailed, text, {
      hint: 'Answer first, then stop: the stop request takes the place of the answer.',
    })
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(messageOf(error))
}
