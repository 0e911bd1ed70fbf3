/** A job of a worker that runs several at once: a running job with its place and its number. */
import type { Job, RunOptions } from '../../job.js'
import { noJobId, numbered } from '../job/id.js'
import type { Outcome } from '../job/outcome.js'
import { type JobHost, RunningJob } from '../job/running.js'
import type { SharedPlace } from './shared-place.js'

/** Parts of such a job. */
export interface SharedJobParts {
  readonly place: SharedPlace<SharedJob>
  readonly job: Job
  readonly run: RunOptions
  readonly onOutcome: (outcome: Outcome) => void
  /** Number on the wire, where its context can carry one. */
  readonly id: number
}

/** One job. */
export class SharedJob {
  readonly id: number
  readonly place: SharedPlace<SharedJob>
  readonly running: RunningJob
  /** True for a job beside which its worker runs no other. */
  readonly isAlone: boolean
  /** False for a job whose context carries no number: nobody can name it to the worker. */
  readonly isNamed: boolean

  constructor(host: JobHost, { place, job, run, onOutcome, id }: SharedJobParts) {
    const { context, jobId } = numbered(job, id)
    this.id = id
    this.place = place
    this.isNamed = jobId !== undefined && jobId !== noJobId
    // An answer without a number is that of the only job; and what the server says about a stream does not name one, either.
    this.isAlone = run.isAlone === true || run.onChunk !== undefined || !this.isNamed
    this.running = new RunningJob(host, { job, context, run, jobId, onOutcome, isWaiting: true })
  }
}
