/** The right to one worker at a time, kept over jobs: a worker that left is replaced by the next idle one. */
import { onAbort } from '../../../core/abort.js'
import { assert } from '../../../core/assert.js'
import { ErrorCode, RelayError } from '../../../core/errors.js'
import type { Job, Reply, RunOptions } from '../../job.js'
import type { LedgerEntry } from '../../ledger.js'
import type { Outcome } from '../../worker/job/outcome.js'
import type { Worker } from '../../worker/worker.js'
import { checkedJob, checkRunOptions } from '../job-check.js'
import type { Lease } from '../pool.js'

/** What a lease needs of its pool. */
export interface LeaseHolder {
  readonly name: string
  /** Returns the wall-clock time. */
  nowMs(): number
  /** Waits for another worker, ahead of the line. */
  takeAnother(options: RunOptions): Promise<Worker>
  /** A job is sent to a worker; what comes back goes along with its outcome. No promise of its own: this is the hot path. */
  assigned(job: Job): LedgerEntry | undefined
  settled(entry: LedgerEntry | undefined, outcome: Outcome): void
  /** The lease is over; its worker, if it still has one, is free. */
  giveBack(worker: Worker | undefined): void
}

// A worker may ask to leave instead of answering, and the next one, too. Code that always does would go round for ever.
const handOversMax = 16

/** The fault of a job that its caller gave up. */
export function abortedError(job: Job): RelayError {
  return new RelayError(ErrorCode.JobAborted, `the caller gave up job ${job.id ?? '(unnamed)'}`)
}

/** A lease on workers of one pool. */
export class PoolLease implements Lease {
  readonly #pool: LeaseHolder
  #worker: Worker | undefined
  #isRunning = false
  #isReleased = false

  constructor(pool: LeaseHolder, worker: Worker) {
    this.#pool = pool
    this.#worker = worker
  }

  get pid(): number | undefined {
    return this.#worker?.pid
  }

  async run(given: Job, options: RunOptions = {}): Promise<Reply> {
    const job = checkedJob(given, this.#pool.name)
    checkRunOptions(options, { pool: this.#pool.name, id: job.id, nowMs: this.#pool.nowMs() })
    assert(!this.#isRunning, `a second job on a lease of pool "${this.#pool.name}"`)
    assert(!this.#isReleased, `a job on a released lease of pool "${this.#pool.name}"`)
    this.#isRunning = true
    try {
      for (let handOvers = 0; handOvers <= handOversMax; handOvers += 1) {
        this.#worker ??= await this.#pool.takeAnother(options)
        const entry = this.#pool.assigned(job)
        const outcome = await this.#runOn(this.#worker, job, options)
        this.#pool.settled(entry, outcome)
        if (outcome.kind === 'reply') return outcome.reply
        if (outcome.kind === 'fault') throw outcome.error
        this.#worker = undefined
      }
      const text = `${handOversMax + 1} workers of pool "${this.#pool.name}" asked to leave instead of answering a job`
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
    this.#pool.giveBack(worker)
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
