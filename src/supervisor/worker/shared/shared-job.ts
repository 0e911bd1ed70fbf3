/** A job of a worker that runs several at once: a running job with its place and its number. */
import type { Job, RunOptions } from '../../job.js'
import { noJobId, numbered } from '../job/id.js'
import type { Outcome } from '../job/outcome.js'
import { type JobHost, RunningJob } from '../job/running.js'
import type { StreamReader } from '../job/stream.js'
import type { SharedPlace } from './shared-place.js'

/** Parts of such a job. */
export interface SharedJobParts {
  readonly place: SharedPlace<SharedJob>
  readonly job: Job
  readonly run: RunOptions
  readonly onOutcome: (outcome: Outcome) => void
  /** Number on the wire, where its context can carry one. */
  readonly id: number
  /** Called when its stream did not end in time; undefined where the worker cannot tell streams apart. */
  readonly onStreamTimeout: ((job: SharedJob) => void) | undefined
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

  constructor(host: JobHost, { place, job, run, onOutcome, id, onStreamTimeout }: SharedJobParts) {
    const { context, jobId } = numbered(job, id)
    this.id = id
    this.place = place
    this.isNamed = jobId !== undefined && jobId !== noJobId
    const isStreamNamed = this.isNamed && onStreamTimeout !== undefined
    // An answer without a number is that of the only job; so is what the server says about a stream, unless the worker knows numbers there, too.
    this.isAlone = run.isAlone === true || (run.onChunk !== undefined && !isStreamNamed) || !this.isNamed
    const stream = isStreamNamed ? { jobId: id, onTimeout: () => onStreamTimeout(this) } : undefined
    this.running = new RunningJob(host, { job, context, run, jobId, onOutcome, isWaiting: true, stream })
  }
}

/** Returns the monotonic ms at which the first of these is due; Infinity when none is. */
export function firstDueAt(jobs: Iterable<SharedJob>): number {
  let dueAt = Number.POSITIVE_INFINITY
  for (const { running } of jobs) dueAt = Math.min(dueAt, running.dueAt)
  return dueAt
}

/** Returns the first stream whose reader has not taken all that came. */
export function heldStream(jobs: Iterable<SharedJob>): StreamReader | undefined {
  for (const { running } of jobs) if (running.stream?.held !== undefined) return running.stream
  return undefined
}
