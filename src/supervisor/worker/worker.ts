/**
 * One worker: a process, its relay, at most one job, and the one field that says where it is. The pool decides when it is
 * replaced; this file moves it along `state.ts` and turns anything its peer does into exactly one outcome per job.
 */
import type { Undo } from '../../core/abort.js'
import { assert } from '../../core/assert.js'
import { deferred } from '../../core/deferred.js'
import { ErrorCode, type RelayError } from '../../core/errors.js'
import { FrameFlag } from '../../ipc/frame.js'
import type { Relay } from '../../ipc/relay.js'
import type { Job, RunOptions } from '../job.js'
import { drained, logExit } from './exit-log.js'
import { Answers } from './job/answers.js'
import { jobIdFeature } from './job/id.js'
import { crash, type Outcome, unsent } from './job/outcome.js'
import type { JobHost, RunningJob } from './job/running.js'
import { SentJobs } from './job/sent-jobs.js'
import type { JobScore } from './job/tally.js'
import { logIgnoredConcurrency } from './job/wrong-answers.js'
import type { ProcessExit } from './os/process.js'
import { requestStack, stackSignalOf } from './stack-request.js'
import {
  isPeaceful,
  type KillReason,
  type RetireReason,
  takesJobs,
  transitions,
  type WorkerEvent,
  WorkerState,
} from './state.js'
import { Termination } from './terminate.js'
import { numberOf, type WorkerId } from './worker-id.js'
import type { WorkerOptions } from './worker-options.js'

const controlJson = FrameFlag.control | FrameFlag.json

/** One supervised child. */
export class Worker {
  readonly id: WorkerId
  readonly createdAtMs: number
  readonly #options: WorkerOptions<Worker>
  readonly #host: JobHost
  #state: WorkerState = WorkerState.spawning
  #why: RetireReason | KillReason | undefined
  #relay: Relay | undefined
  #features: readonly string[] = []
  readonly #jobs: SentJobs
  readonly #answers: Answers
  /** The job in which it was killed: what it says until its end is tagged with it. */
  #lastJob: Job | undefined
  #readyAt = 0
  #idleSince = 0
  readonly #termination: Termination
  readonly #relayEnd = deferred()

  constructor(options: WorkerOptions<Worker>) {
    this.#options = options
    this.#termination = new Termination(options)
    this.id = options.process.id
    this.createdAtMs = options.clock.nowMs()
    this.#host = {
      ...options,
      id: this.id,
      relay: () => this.#relay,
      onStreamTimeout: () => this.kill('stream_timeout'),
    }
    this.#jobs = new SentJobs(this.#host)
    const settle = (outcome: Outcome) => this.#settle(outcome, 'settle')
    this.#answers = new Answers({ host: this.#host, jobs: this.#jobs, worker: this, settle })
    options.output.tagWith(() => this.job)
    void options.process.exited.then((exit) => this.#onProcessExit(exit))
  }

  /** The number that no other worker of its pool has: its pid; of a thread its number. */
  get pid(): number {
    return numberOf(this.id)
  }

  get state(): WorkerState {
    return this.#state
  }

  /** Why it is leaving or was killed: the first reason, whatever came later. */
  get why(): RetireReason | KillReason | undefined {
    return this.#why
  }

  /** Jobs sent to it so far. */
  get jobCount(): number {
    return this.#jobs.count
  }

  /** Monotonic ms at which it answered the PID request. */
  get readyAt(): number {
    return this.#readyAt
  }

  /** Monotonic ms since when it has been free. */
  get idleSince(): number {
    return this.#idleSince
  }

  /** Score of its jobs. */
  get score(): JobScore {
    return {
      answered: this.#jobs.tally.answered,
      failed: this.#jobs.tally.failed,
      isGone: !takesJobs(this.#state),
      hasLeftInPeace: isPeaceful(this.#why),
      isBusy: this.#jobs.running !== undefined,
    }
  }

  /** Resolves when `count` jobs have been answered, or it leaves. */
  answered(count: number): Promise<void> {
    return takesJobs(this.#state) ? this.#jobs.tally.reach(count) : Promise.resolve()
  }

  /** The job that runs, or in which it was killed, for the tags of its log lines: some are read after it has been settled. */
  get job(): Job | undefined {
    return this.#jobs.running?.job ?? this.#lastJob
  }

  /** Monotonic ms at which the running job is warned of or over its limit; Infinity when none runs or it has no limit. */
  get dueAt(): number {
    return this.#jobs.dueAt
  }

  /** Takes the relay over which it answered the PID request: from now on it takes jobs, and control messages of what it announced. */
  adopt(relay: Relay, features: readonly string[] = []): void {
    this.#relay = relay
    this.#features = features
    this.#jobs.isNumbered = features.includes(jobIdFeature)
    if (features.includes('concurrency') && !this.#jobs.isNumbered) logIgnoredConcurrency(this.#host)
    this.#readyAt = this.#options.clock.monotonicMs()
    relay.read({
      frame: (frame) => this.#answers.take(frame),
      junk: (bytes) => this.#onStray(bytes),
      closed: (fault) => this.#onRelayClosed(fault),
    })
    this.#step('ready')
  }

  /**
   * Sends a job. `onOutcome` is called once, when the worker has moved on: it may be given the next job in that call, if it is
   * idle. The call comes before `start` returns when the job cannot be sent; `unserved` when the worker takes none.
   */
  start(job: Job, options: RunOptions, onOutcome: (outcome: Outcome) => void): void {
    if (this.#state !== WorkerState.idle) {
      onOutcome({ kind: 'unserved', why: 'left' })
      return
    }
    this.#options.output.endLines()
    const sent = this.#jobs.add(job, options, onOutcome)
    this.#step('assign')
    this.#send(sent, (outcome) => this.#settle(outcome, 'settle'))
  }

  /** True when a second job may be sent, to wait in its pipe behind the one that runs. Never to a thread: its port costs no system call. */
  get hasRoom(): boolean {
    const { jobsMax } = this.#options
    const isOpen = this.#state === WorkerState.busy && this.id.thread === undefined && this.#jobs.hasRoom
    return isOpen && (jobsMax === 0 || this.jobCount < jobsMax)
  }

  /**
   * Sends a second job, which the worker reads when it has answered the first; ask `hasRoom` before. `onOutcome` is called after that
   * of the first: `unserved` also when the worker ended without having begun it. It must not be due earlier than the first.
   */
  startNext(job: Job, options: RunOptions, onOutcome: (outcome: Outcome) => void): void {
    const sent = this.#jobs.add(job, options, onOutcome)
    this.#send(sent, (outcome) => this.#jobs.endWaiting(outcome))
  }

  /** Holds back what is sent to it until the returned function is called, which writes all of it at once. */
  joinWrites(): Undo {
    return this.#relay?.joinWrites() ?? (() => undefined)
  }

  #send(sent: RunningJob, onUnsent: (outcome: Outcome) => void): void {
    try {
      sent.send()
    } catch (error) {
      onUnsent(unsent(this.id, error))
      return
    }
    this.#options.onDeadline(sent.dueAt)
  }

  /** Sends a job as `start` does; resolves with its outcome, never rejects. */
  run(job: Job, options: RunOptions = {}): Promise<Outcome> {
    return new Promise((resolve) => this.start(job, options, resolve))
  }

  /** True when it announced that it understands `feature`. */
  has(feature: string): boolean {
    return this.#features.includes(feature)
  }

  /** Sends a control message between jobs; returns whether it could. */
  tell(message: object): boolean {
    if (this.#state !== WorkerState.idle) return false
    this.#relay?.send({ flags: controlJson, options: [], head: JSON.stringify(message) })
    return true
  }

  /** Warns of a job that has used most of its time; ends the worker when all of it is used up. */
  onDue(nowMonotonicMs: number): void {
    const { running } = this.#jobs
    this.#jobs.endWaitingIfDue(nowMonotonicMs)
    if (running === undefined || running.dueAt > nowMonotonicMs) return
    if (running.deadlineAt > nowMonotonicMs) {
      running.warn(nowMonotonicMs, requestStack(this.id, stackSignalOf(this.#features, false)))
      return
    }
    const stackSignal = stackSignalOf(this.#features, running.isMute)
    this.#termination.setGrace({ graceMs: this.#options.killGraceMs, stackSignal })
    this.kill(running.deadlineWhy, running.lateError(nowMonotonicMs))
    this.#jobs.endWaitingIfDue(nowMonotonicMs)
  }

  /** Leaves once it is free: at once when idle, after its job when busy. */
  retire(why: RetireReason): void {
    this.#why ??= why
    this.#step('retire')
  }

  /**
   * Ends its process group, by SIGKILL unless its job ran out of time; a second call does not wait for the grace. A running
   * job fails with `error`, or with its end when there is none.
   */
  kill(why: KillReason, error?: RelayError): void {
    this.#why ??= why
    this.#lastJob ??= this.#jobs.running?.job
    if (why === 'bad_frame') this.#jobs.mayHaveMovedOn()
    if (error === undefined) this.#step('kill')
    else this.#settle({ kind: 'fault', error }, 'kill')
  }

  #countJob(): void {
    const { jobsMax, jobsDue, onDue } = this.#options
    if (jobsMax > 0 && this.jobCount >= jobsMax) this.retire('max_jobs')
    else if (jobsDue > 0 && this.#jobs.reaches(jobsDue)) onDue(this)
  }

  #onStray(bytes: Buffer): void {
    this.#options.output.addStray(bytes)
    this.#jobs.asked?.addStray(bytes, (error) => this.kill('bad_frame', error))
  }

  #onRelayClosed(fault: RelayError | undefined): void {
    this.#relayEnd.resolve()
    if (this.#state === WorkerState.killing) return
    if (fault !== undefined && fault.code !== ErrorCode.RelayClosed) {
      this.kill('bad_frame', fault)
      return
    }
    // A worker that was told to go closes its relay by leaving.
    if (this.#state === WorkerState.stopping) return
    // Languages close files before what runs at exit has run: it has a moment to come to the end that it chose itself.
    this.#termination.setOwnEnd(this.#options.killGraceMs, () => {
      if (this.#why === 'ended') this.#why = 'relay_lost'
    })
    this.kill('ended')
  }

  async #onProcessExit(exit: ProcessExit): Promise<void> {
    const { process, output, log, pool, clock } = this.#options
    this.#termination.cancel()
    this.#features = []
    // Children that it forked hold the relay and the log pipe open, and nobody else would end them.
    process.kill()
    await drained(
      clock,
      [this.#relay && this.#relayEnd.promise, output.ended],
      () => this.#jobs.running?.stream?.held,
    )
    await this.#jobs.running?.stream?.taken
    // An answer that came with the last bytes is settled in a `setImmediate` of its own, before this one.
    await new Promise<void>((resolve) => setImmediate(resolve))
    this.#why ??= 'ended'
    const lostRelayMs = this.#why === 'relay_lost' ? this.#options.killGraceMs : undefined
    const { running } = this.#jobs
    const error = crash({ id: this.id, running, exit, lostRelayMs })
    const { id, why } = this
    logExit(log, { pool, id, why, exit, jobs: this.jobCount, lastLines: output.last() })
    this.#relay?.close()
    // With code 0 after it said that it leaves: it has not looked at what lay in its pipe.
    const isPassedOver = running?.isBehindLeaving === true && exit.code === 0
    this.#settle(isPassedOver ? { kind: 'unserved', why: 'left' } : { kind: 'fault', error }, 'exit')
    this.#jobs.endWaiting({ kind: 'unserved', why: 'left' })
  }

  /** Moves on by `event`, on which the running job, if there is one, has its outcome. Its caller comes last: it may act on the worker. */
  #settle(outcome: Outcome, event: 'settle' | 'kill' | 'exit'): void {
    const ended = this.#jobs.end(outcome, event === 'settle')
    const { running } = this.#jobs
    if (running === undefined) this.#step(event)
    else this.#goOn(running)
    if (event === 'settle' && outcome.kind !== 'unserved') this.#countJob()
    ended?.onOutcome(outcome)
  }

  /** The job that waited runs now. A worker that said that it leaves is waited for: it ends, or answers what was in its pipe already. */
  #goOn(job: RunningJob): void {
    this.#options.onDeadline(job.dueAt)
    if (this.#why !== 'self_stop' && this.#why !== 'leave') return
    job.isBehindLeaving = true
    if (this.#state === WorkerState.draining) this.#termination.awaitLeaving(() => this.kill('stop_timeout'))
  }

  #step(event: WorkerEvent): void {
    const cell = transitions[this.#state][event]
    assert(cell !== 'never', `worker ${this.pid} got "${event}" while ${this.#state}`)
    if (cell === 'ignore') return
    const wasTakingJobs = takesJobs(this.#state)
    this.#termination.cancel()
    this.#state = cell
    if (cell === WorkerState.idle) this.#idleSince = this.#options.clock.monotonicMs()
    if (wasTakingJobs && !takesJobs(this.#state)) {
      this.#jobs.tally.end()
      this.#options.onLeaving(this)
    }
    if (cell === WorkerState.stopping) this.#askToStop()
    else if (cell === WorkerState.killing) this.#termination.force()
    else if (cell === WorkerState.exited) this.#options.onExited(this)
  }

  #askToStop(): void {
    if (this.#relay === undefined) this.kill('forced')
    else this.#termination.requestStop(this.#relay, () => this.kill('stop_timeout'))
  }
}
