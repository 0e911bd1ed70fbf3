/** The right to one worker at a time, kept over jobs: a worker that left is replaced by the next idle one. */
import { onAbort } from '../../../core/abort.js'
import { assert } from '../../../core/assert.js'
import type { Clock } from '../../../core/clock.js'
import { ErrorCode, RelayError } from '../../../core/errors.js'
import type { Job, Reply, RunOptions } from '../../job.js'
import type { Outcome } from '../../worker/job/outcome.js'
import type { Worker } from '../../worker/worker.js'
import { checkedJob, checkRunOptions } from '../job-check.js'
import type { JobRecords } from '../job-records.js'
import type { Lease } from '../pool.js'
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

/** A lease on workers of one pool. */
export class PoolLease implements Lease {
  readonly #parts: LeaseParts
  #worker: Worker | undefined
  #isRunning = false
  #isReleased = false

  constructor(parts: LeaseParts, worker: Worker) {
    this.#parts = parts
    this.#worker = worker
    parts.queue.lend()
  }

  get pid(): number | undefined {
    return this.#worker?.pid
  }

  async run(given: Job, options: RunOptions = {}): Promise<Reply> {
    const { pool, clock, records } = this.#parts
    const job = checkedJob(given, pool)
    checkRunOptions(options, { pool, id: job.id, nowMs: clock.nowMs() })
    assert(!this.#isRunning, `a second job on a lease of pool "${pool}"`)
    assert(!this.#isReleased, `a job on a released lease of pool "${pool}"`)
    this.#isRunning = true
    try {
      for (let handOvers = 0; handOvers <= handOversMax; handOvers += 1) {
        this.#worker ??= await this.#takeAnother(options)
        const entry = records.assigned(job)
        const startedAt = records.startedAt()
        const outcome = await this.#runOn(this.#worker, job, options)
        records.settled(job, entry, startedAt, outcome)
        if (outcome.kind === 'reply') return outcome.reply
        if (outcome.kind === 'fault') throw outcome.error
        this.#worker = undefined
      }
      const text = `${handOversMax + 1} workers of pool "${pool}" asked to leave instead of answering a job`
      throw new RelayError(ErrorCode.JobFailed, text, {
        hint: 'Answer first, then stop: the stop request takes the place of the answer.',
      })
    } finally {
      this.#isRunning = false
      if (this.#isReleased) this.#letGo()
    }
  }

  release(): void {
    if (this.#isReleased) return
    this.#isReleased = true
    if (!this.#isRunning) this.#letGo()
  }

  #letGo(): void {
    const worker = this.#worker
    this.#worker = undefined
    this.#parts.queue.giveBack(worker)
  }

  /** Waits ahead of the line for another worker, until the job's own deadline at most. */
  #takeAnother({ deadlineMs, signal }: RunOptions): Promise<Worker> {
    return this.#parts.queue.take({ front: true, ...(signal === undefined ? {} : { signal }) }, deadlineMs)
  }

  #runOn(worker: Worker, job: Job, options: RunOptions): Promise<Outcome> {
    const { signal } = options
    if (signal === undefined) return worker.run(job, options)
    const aborted = abortedError(job)
    if (signal.aborted) return Promise.resolve({ kind: 'fault', error: aborted })
    const stopListening = onAbort(signal, () => worker.kill('aborted', aborted))
    return worker.run(job, options).finally(stopListening)
  }
}
