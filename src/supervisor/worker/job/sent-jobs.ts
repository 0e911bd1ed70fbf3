/**
 * Jobs that were sent to a worker and have no outcome: one that runs, and at most one more that waits behind it in the worker's pipe and
 * counts as begun once the first is answered. Counts jobs and their ends; `worker.ts` decides when they end.
 */
import type { Announced } from '../../../ipc/control.js'
import type { Job, RunOptions } from '../../job.js'
import { jobIdFeature, numbered } from './id.js'
import { mayHaveBegun, type Outcome } from './outcome.js'
import { type JobHost, RunningJob } from './running.js'
import type { StreamReader } from './stream.js'
import { JobTally } from './tally.js'

/** Jobs of a worker as it sees them, whether it runs one at a time or several. */
export interface JobBook {
  readonly tally: JobTally
  /** Jobs sent so far. */
  readonly count: number
  /** Monotonic ms at which one of them is due; Infinity when none is. */
  readonly dueAt: number
  /** Stream of the job that runs; undefined where it has none, or several run. */
  readonly stream: StreamReader | undefined
  /** True the first time that so many jobs were sent. */
  reaches(count: number): boolean
}

/** The jobs of one worker. */
export class SentJobs implements JobBook {
  readonly tally = new JobTally()
  readonly #host: JobHost
  /** True when the worker announced `job_id`. */
  #isNumbered = false
  #ownLimitMs: number | undefined
  #count = 0
  #isDueTold = false
  #running: RunningJob | undefined
  #waiting: RunningJob | undefined
  #hasWaitingBegun = false

  constructor(host: JobHost) {
    this.#host = host
  }

  /** Takes what the worker announced, before its first job. */
  hear({ features, limitMs }: Announced): void {
    this.#isNumbered = features.includes(jobIdFeature)
    this.#ownLimitMs = limitMs
  }

  /** Jobs sent so far. */
  get count(): number {
    return this.#count
  }

  /** The first job without an outcome; undefined when none was sent, or the worker was killed in it. */
  get running(): RunningJob | undefined {
    return this.#running
  }

  /** The job that the next frame answers. */
  get asked(): RunningJob | undefined {
    if (this.#running?.isAnswered !== true) return this.#running
    return this.#waiting?.isAnswered === true ? undefined : this.#waiting
  }

  /** True when a second job may wait behind the one that runs. */
  get hasRoom(): boolean {
    const running = this.#running
    return running !== undefined && !running.isControl && !running.takesStream && this.#waiting === undefined
  }

  get stream(): StreamReader | undefined {
    return this.#running?.stream
  }

  /** Monotonic ms at which one of them is due; Infinity when none is. */
  get dueAt(): number {
    return this.#running?.dueAt ?? this.#waiting?.dueAt ?? Number.POSITIVE_INFINITY
  }

  /** Adds a job that is to be sent, behind the one that runs if there is one. */
  add(job: Job, run: RunOptions, onOutcome: (outcome: Outcome) => void): RunningJob {
    this.#count += 1
    const { context, jobId } = numbered(job, this.#isNumbered ? this.#count : undefined)
    const isWaiting = this.#running !== undefined
    const ownLimitMs = this.#ownLimitMs
    const added = new RunningJob(this.#host, { job, context, run, jobId, onOutcome, isWaiting, ownLimitMs })
    if (isWaiting) this.#waiting = added
    else this.#running = added
    return added
  }

  /** True the first time that so many jobs were sent. */
  reaches(count: number): boolean {
    if (this.#isDueTold || this.#count < count) return false
    this.#isDueTold = true
    return true
  }

  /** Lets the time of the waiting job begin when the job before it is answered. */
  answered(job: RunningJob): void {
    if (job === this.#running) this.#waiting?.begin()
  }

  /** True when `jobId` is the number of the job behind this one. */
  isBehind(job: RunningJob, jobId: number): boolean {
    return job === this.#running && this.#waiting?.jobId === jobId
  }

  /** Says that the worker has answered the first job in some way, and may have begun the waiting one. */
  mayHaveMovedOn(): void {
    this.#hasWaitingBegun = true
  }

  /** Ends the job that runs; the waiting one runs now if the worker `goesOn`. Returns the job that has ended, whose caller is to be told. */
  end(outcome: Outcome, goesOn: boolean): RunningJob | undefined {
    const ended = this.#running
    if (ended === undefined) return undefined
    this.#host.output.endLines()
    ended.end()
    if (outcome.kind !== 'unserved' && !ended.isControl) this.tally.add(outcome.kind === 'fault')
    if (!goesOn && ended.isAnswered) this.mayHaveMovedOn()
    this.#running = goesOn ? this.#waiting : undefined
    if (goesOn) this.#waiting = undefined
    this.#running?.begin()
    return ended
  }

  /** Ends the waiting job, and tells its caller. One that may have begun must not be run again unnoticed: it has failed. */
  endWaiting(outcome: Outcome): void {
    const waiting = this.#waiting
    if (waiting === undefined) return
    this.#waiting = undefined
    waiting.end()
    const isUnknown = outcome.kind === 'unserved' && this.#hasWaitingBegun
    const about = { id: this.#host.id, job: waiting.job }
    const told: Outcome = isUnknown ? { kind: 'fault', error: mayHaveBegun(about) } : outcome
    if (told.kind !== 'unserved') this.tally.add(true)
    waiting.onOutcome(told)
  }

  /** Ends a job that waits behind one in which the worker was killed, when its deadline comes before the worker's end. */
  endWaitingIfDue(nowMonotonicMs: number): void {
    if (this.#running !== undefined || this.#waiting === undefined) return
    if (this.#waiting.deadlineAt <= nowMonotonicMs)
      this.endWaiting({ kind: 'fault', error: this.#waiting.lateError(nowMonotonicMs) })
  }
}
