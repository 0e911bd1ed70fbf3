/**
 * The jobs of a worker that announced `concurrency`: as many at once as it has places, answered in any order by their numbers. A limit ends
 * its own job only: the worker is asked to cancel it, and is replaced when it does not. `worker.ts` moves the worker along its states, and
 * never sees a single job of these.
 *
 * Invariant: a place holds the job that was started there until the worker has answered it, also when its caller was told an end before.
 */
import type { Undo } from '../../../core/abort.js'
import type { RelayError } from '../../../core/errors.js'
import { type Frame, StreamBit } from '../../../ipc/frame.js'
import type { Job, RunOptions } from '../../job.js'
import { answeredJobId } from '../job/id.js'
import { type Outcome, outcomeOf, unsent } from '../job/outcome.js'
import type { WholeAnswer } from '../job/reply.js'
import type { JobHost, RunningJob } from '../job/running.js'
import type { JobBook } from '../job/sent-jobs.js'
import type { StreamReader } from '../job/stream.js'
import { JobTally } from '../job/tally.js'
import { logAnonymous, logUnasked, logUnknown } from '../job/wrong-answers.js'
import type { TaggedLine, WorkerOutput } from '../output.js'
import { takesJobs, WorkerState } from '../state.js'
import { numberOf } from '../worker-id.js'
import { AloneLine } from './alone-line.js'
import { HungJobs } from './hung-jobs.js'
import { endlessStream, namelessAnswer, neverAlone } from './shared-faults.js'
import { firstDueAt, heldStream, SharedJob } from './shared-job.js'
import { namedLine, SharedLines } from './shared-lines.js'
import { type PlaceOwner, SharedPlace } from './shared-place.js'
import { type SharedJobsOptions, streamIdFeature } from './shared-worker.js'

/** Jobs of one worker. */
export class SharedJobs implements PlaceOwner<SharedJob>, JobBook {
  readonly places: readonly SharedPlace<SharedJob>[]
  readonly tally = new JobTally()
  readonly #options: SharedJobsOptions
  readonly #host: JobHost
  readonly #output: WorkerOutput
  readonly #lines: SharedLines
  /** Jobs that were sent and whose callers wait, by number. */
  readonly #jobs = new Map<number, SharedJob>()
  readonly #hung: HungJobs
  readonly #onStreamTimeout: ((job: SharedJob) => void) | undefined
  /** Places that nobody holds and that are not offered. */
  #parkedCount = 0
  readonly #line = new AloneLine()
  #numberOf = 0
  #count = 0
  #isDueTold = false

  constructor(options: SharedJobsOptions, placeCount: number) {
    const { host, output } = options
    this.#options = options
    this.#output = output
    this.#lines = new SharedLines(output)
    this.#host = { ...host, output: this.#lines }
    this.#hung = new HungJobs({ ...options, others: () => this.#jobs.size })
    this.#onStreamTimeout = this.has(streamIdFeature) ? (job) => this.#endStream(job) : undefined
    this.places = Array.from({ length: placeCount }, () => new SharedPlace(this))
  }

  get pid(): number {
    return numberOf(this.#host.id)
  }

  get state(): WorkerState {
    return this.#options.worker.state
  }

  /** Jobs sent so far. */
  get count(): number {
    return this.#count
  }

  /** Jobs that the worker has and whose callers wait. */
  get running(): number {
    return this.#jobs.size
  }

  /** Jobs that the worker has, those that were given up included. */
  get inWorker(): number {
    return this.#jobs.size + this.#hung.size
  }

  /** True while one of its jobs runs alone or waits for that: it takes no other. */
  get isClosed(): boolean {
    return this.#line.isClosed
  }

  /** The only job that the worker has; undefined when it has none or several. */
  get only(): Job | undefined {
    return this.#onlyJob?.running.job
  }

  /** The job that it has had for longest. */
  get oldest(): RunningJob | undefined {
    for (const { running } of this.#jobs.values()) return running
    return undefined
  }

  /** A stream whose reader has not taken all that came. */
  get stream(): StreamReader | undefined {
    return heldStream(this.#jobs.values()) ?? this.#onlyJob?.running.stream
  }

  /** Monotonic ms at which the first of its jobs is due; Infinity when none is. */
  get dueAt(): number {
    return Math.min(firstDueAt(this.#jobs.values()), firstDueAt(this.#line.waiting))
  }

  has(feature: string): boolean {
    return this.#options.worker.has(feature)
  }

  onParked(): void {
    this.#parkedCount += 1
  }

  joinWrites(): Undo {
    return this.#host.relay()?.joinWrites() ?? (() => undefined)
  }

  reaches(count: number): boolean {
    if (this.#isDueTold || this.#count < count) return false
    this.#isDueTold = true
    return true
  }

  /** Returns a line with the job that it belongs to: the one that it names, else the only one. */
  tag(text: string): TaggedLine {
    const jobOf = (id: number) => (this.#jobs.get(id) ?? this.#hung.get(id))?.running.job
    return namedLine(text, jobOf) ?? { job: this.only, text }
  }

  /** Sends a job, or lets it wait in its place while another one runs alone; `onOutcome` is called once. */
  start(
    place: SharedPlace<SharedJob>,
    job: Job,
    run: RunOptions,
    onOutcome: (outcome: Outcome) => void,
  ): void {
    if (place.job !== undefined || !this.#takesJobs) {
      onOutcome({ kind: 'unserved', why: 'left' })
      return
    }
    this.#numberOf += 1
    const [id, onStreamTimeout] = [this.#numberOf, this.#onStreamTimeout]
    const made = new SharedJob(this.#host, { place, job, run, onOutcome, id, onStreamTimeout })
    place.job = made
    if (this.#line.enter(made)) this.#options.withdraw()
    if (!this.isClosed) {
      this.#send(made)
      return
    }
    this.#line.add(made)
    this.#pump()
    if (this.#line.has(made)) this.#options.onDeadline(made.running.dueAt)
  }

  /** Ends the job of a place because its caller gave it up. */
  abort({ job }: SharedPlace<SharedJob>, error: RelayError): void {
    if (job === undefined) return
    if (this.#line.has(job)) this.#endWaiting(job, { kind: 'fault', error })
    else if (job.running.isAnswered) this.#end(job, { kind: 'fault', error })
    else if (this.#jobs.get(job.id) === job) this.#giveUp(job, 'aborted', error)
  }

  /** Warns of jobs that have used most of their time, and ends those that have used all of it. */
  onDue(nowMonotonicMs: number): void {
    for (const job of this.#line.waiting) {
      if (job.running.deadlineAt > nowMonotonicMs) continue
      const error = neverAlone(this.#host.id, job.running.job)
      this.#endWaiting(job, { kind: 'fault', error })
    }
    for (const job of [...this.#jobs.values()]) {
      const { running } = job
      if (running.isAnswered || running.dueAt > nowMonotonicMs) continue
      if (running.deadlineAt > nowMonotonicMs) running.warn(nowMonotonicMs, false)
      else this.#giveUp(job, running.deadlineWhy, running.lateError(nowMonotonicMs))
    }
  }

  /** Takes a frame of the worker as the answer to one of its jobs. */
  take(frame: Frame): void {
    const { worker } = this.#options
    const id = answeredJobId(frame)
    const job = id === undefined ? this.#onlyJob : this.#jobs.get(id)
    if (job === undefined || job.running.isAnswered) {
      this.#takeWrong(id, frame)
      return
    }
    const answer = job.running.read(frame)
    if (answer.kind === 'bad' || answer.kind === 'foreign') {
      const what = answer.kind === 'bad' ? answer.what : `an answer to job ${answer.jobId}`
      const tell = this.#take(job, { kind: 'fault', error: job.running.badAnswer(what, frame) })
      worker.kill('bad_frame')
      tell()
      return
    }
    if (answer.kind === 'self_stop') worker.retire('self_stop')
    else if (answer.leaves) worker.retire('leave')
    if (answer.kind === 'chunk') job.running.addChunk(answer.reply, answer.wantsPong)
    else job.running.settleLater(() => this.#settle(job, answer))
  }

  /** Gives back what waits, because the worker takes no further job. */
  leave(): void {
    for (const job of this.#line.waiting) this.#endWaiting(job, { kind: 'unserved', why: 'left' })
  }

  /** Fails all jobs, because the worker has ended or is killed; their callers are told when it has moved on. */
  failAll(event: 'kill' | 'exit', errorOf: (job: RunningJob, sharedWith: number) => RelayError): void {
    this.#hung.close()
    const sharedWith = this.inWorker - 1
    const tells = [...this.#jobs.values()].map((job) =>
      this.#take(job, { kind: 'fault', error: errorOf(job.running, sharedWith) }),
    )
    this.#options.step(event)
    for (const tell of tells) tell()
  }

  get #takesJobs(): boolean {
    return takesJobs(this.state) && this.state !== WorkerState.spawning
  }

  get #onlyJob(): SharedJob | undefined {
    return this.inWorker === 1 ? this.#jobs.values().next().value : undefined
  }

  /** Sends what may begin, in the order in which it came. */
  #pump(): void {
    if (!this.#takesJobs) return
    for (let next = this.#line.next(this.inWorker); next !== undefined; next = this.#line.next(this.inWorker))
      this.#send(next)
    if (this.isClosed || this.#parkedCount === 0) return
    for (const place of this.places) {
      if (!place.isParked || place.state !== WorkerState.idle) continue
      place.isParked = false
      this.#parkedCount -= 1
      this.#options.onPlace(place)
    }
  }

  #send(job: SharedJob): void {
    const { step, countJob, onDeadline } = this.#options
    this.#count += 1
    if (this.inWorker === 0) this.#output.endLines()
    this.#jobs.set(job.id, job)
    this.#lines.jobsAre(this.inWorker)
    job.running.begin()
    if (this.inWorker === 1) step('assign')
    try {
      job.running.send()
    } catch (error) {
      this.#end(job, unsent(this.#host.id, error))
      return
    }
    onDeadline(job.running.dueAt)
    countJob()
  }

  #settle(job: SharedJob, answer: WholeAnswer): void {
    // The worker was killed in the meantime.
    if (this.#jobs.get(job.id) !== job) return
    if (answer.kind === 'error' && answer.isAnonymous) {
      logAnonymous(this.#host, job.running.jobId)
      this.#options.worker.retire('wrong_job')
    }
    this.#end(job, outcomeOf(answer, { id: this.#host.id, job: job.running.job }))
  }

  /** Ends a job that the worker has answered. */
  #end(job: SharedJob, outcome: Outcome): void {
    const tell = this.#take(job, outcome)
    this.#left(job)
    tell()
  }

  /** Takes a job out, with its place still taken; returns what tells its caller. */
  #take(job: SharedJob, outcome: Outcome): () => void {
    this.#jobs.delete(job.id)
    job.running.end()
    if (outcome.kind !== 'unserved' && !job.running.isControl) this.tally.add(outcome.kind === 'fault')
    return () => job.running.onOutcome(outcome)
  }

  /** Frees the place of a job that the worker has ended. */
  #left(job: SharedJob): void {
    job.place.job = undefined
    this.#line.leave(job)
    this.#lines.jobsAre(this.inWorker)
    if (this.inWorker === 0) {
      this.#output.endLines()
      this.#options.step('settle')
    }
    this.#hung.check()
    this.#pump()
  }

  #endWaiting(job: SharedJob, outcome: Outcome): void {
    // What ended before it may have let it begin.
    if (!this.#line.has(job)) return
    this.#line.remove(job)
    this.#line.leave(job)
    job.place.job = undefined
    job.running.end()
    this.#pump()
    job.running.onOutcome(outcome)
  }

  /** Ends a job whose reader has gone, and whose stream goes on all the same. */
  #endStream(job: SharedJob): void {
    if (this.#jobs.get(job.id) === job)
      this.#giveUp(job, 'aborted', endlessStream(this.#host.id, job.running.job))
  }

  /** Tells the caller the end of a job that the worker still has, and asks the worker to cancel it. */
  #giveUp(job: SharedJob, why: 'exec_ttl' | 'deadline' | 'aborted', error: RelayError): void {
    const tell = this.#take(job, { kind: 'fault', error })
    this.#hung.add(job, why)
    tell()
  }

  /** Takes a frame that answers no job for which a caller waits. */
  #takeWrong(id: number | undefined, frame: Frame): void {
    const { worker } = this.#options
    // A piece of a stream that was given up: its end is still to come.
    if ((frame.stream & StreamBit.more) !== 0 && id !== undefined && this.#hung.get(id) !== undefined) return
    const late = this.#hung.answered(id)
    if (late !== undefined) {
      late.running.settleLater(() => {
        this.#hung.remove(late)
        this.#left(late)
      })
      return
    }
    // From a worker that is being killed it is an answer that came too late.
    if (worker.state === WorkerState.killing || worker.state === WorkerState.stopping) return
    if (id !== undefined) {
      if (worker.why !== 'wrong_job') logUnknown(this.#host, id, this.inWorker)
      worker.retire('wrong_job')
      return
    }
    logUnasked(this.#host, frame)
    worker.kill('bad_frame', namelessAnswer(this.#host.id, this.inWorker))
  }
}
