/**
 * One worker: a process, its relay, at most one job, and the one field that says where it is. The pool decides when it is replaced; this file
 * moves it along `state.ts` and turns anything its peer does into exactly one outcome per job. `shared/` has the jobs of one that runs several.
 */
import type { Undo } from '../../core/abort.js'
import { assert } from '../../core/assert.js'
import { deferred } from '../../core/deferred.js'
import { ErrorCode, type RelayError } from '../../core/errors.js'
import type { Announced } from '../../ipc/control.js'
import { FrameFlag } from '../../ipc/frame.js'
import type { Relay } from '../../ipc/relay.js'
import type { Job, RunOptions } from '../job.js'
import { drained, logExit } from './exit-log.js'
import { Answers } from './job/answers.js'
import { crash, endOutcome, type Outcome, unsent } from './job/outcome.js'
import type { JobHost, RunningJob } from './job/running.js'
import { type JobBook, SentJobs } from './job/sent-jobs.js'
import type { JobScore } from './job/tally.js'
import type { ProcessExit } from './os/process.js'
import type { PlaceGroup, WorkerPlace } from './place.js'
import { printStack } from './print-stack.js'
import { shareJobs } from './shared/share-jobs.js'
import type { SharedJobs } from './shared/shared-jobs.js'
import { harmlessStackSignalOf, requestStack, stackSignalOf } from './stack-request.js'
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
export class Worker implements WorkerPlace {
  readonly id: WorkerId
  readonly createdAtMs: number
  /** Monotonic ms: when it answered the PID request, and since when it has been free. */
  readonly times = { readyAt: 0, idleSince: 0 }
  readonly #options: WorkerOptions<Worker>
  readonly #host: JobHost
  #state: WorkerState = WorkerState.spawning
  #why: RetireReason | KillReason | undefined
  #relay: Relay | undefined
  #features: readonly string[] = []
  readonly #jobs: SentJobs
  readonly #answers: Answers
  /** Jobs in place of those in `#jobs`, when it runs several at once. */
  #shared: SharedJobs | undefined
  /** The job in which it was killed: what it says until its end is tagged with it. */
  #lastJob: Job | undefined
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
    return this.#book.count
  }

  /** Jobs that it has now. */
  get runningCount(): number {
    return this.#shared?.running ?? (this.#jobs.running === undefined ? 0 : 1)
  }

  /** The job that it has had for longest. */
  get oldest(): RunningJob | undefined {
    return this.#shared?.oldest ?? this.#jobs.running
  }

  get group(): PlaceGroup | undefined {
    return this.#shared
  }

  /** Places for one job each: itself, or those of a worker that runs several at once. */
  get places(): readonly WorkerPlace[] {
    return this.#shared?.places ?? [this]
  }

  /** Score of its jobs. */
  get score(): JobScore {
    const { answered, failed } = this.#book.tally
    const isGone = !takesJobs(this.#state)
    return { answered, failed, isGone, hasLeftInPeace: isPeaceful(this.#why), isBusy: this.runningCount > 0 }
  }

  /** Resolves when `count` jobs have been answered, or it leaves. */
  answered(count: number): Promise<void> {
    return takesJobs(this.#state) ? this.#book.tally.reach(count) : Promise.resolve()
  }

  /** The only job that runs, or in which it was killed, for the tags of its log lines: some are read after it has been settled. */
  get job(): Job | undefined {
    return this.#shared?.only ?? this.#jobs.running?.job ?? this.#lastJob
  }

  /** Monotonic ms at which a running job is warned of or over its limit; Infinity when none runs or has a limit. */
  get dueAt(): number {
    return this.#book.dueAt
  }

  /** Takes the relay over which it answered the PID request: from now on it takes jobs, and control messages of what it announced. */
  adopt(relay: Relay, announced: Announced = { features: [] }): void {
    this.#relay = relay
    this.#features = announced.features
    this.#jobs.hear(announced)
    const shared = shareJobs(announced, {
      ...this.#options,
      host: this.#host,
      worker: this,
      step: (event) => this.#step(event),
      countJob: () => this.#countJob(),
      termination: this.#termination,
      withdraw: () => this.#options.onWithdraw(this),
    })
    this.#shared = shared
    this.times.readyAt = this.#options.clock.monotonicMs()
    relay.read({
      frame: shared === undefined ? (frame) => this.#answers.take(frame) : (frame) => shared.take(frame),
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

  /** True when it announced that it understands `feature`. */
  has(feature: string): boolean {
    return this.#features.includes(feature)
  }

  /** Asks for its stack, as `printStack` does. */
  printStack(): Promise<readonly string[] | undefined> {
    return printStack({ ...this.#options, id: this.id, features: this.#features })
  }

  /** Sends a control message between jobs; returns whether it could. */
  tell(message: object): boolean {
    if (this.#state !== WorkerState.idle) return false
    this.#relay?.send({ flags: controlJson, options: [], head: JSON.stringify(message) })
    return true
  }

  /** Warns of a job that has used most of its time; ends the worker when all of it is used up. */
  onDue(nowMonotonicMs: number): void {
    this.#shared?.onDue(nowMonotonicMs)
    const { running } = this.#jobs
    this.#jobs.endWaitingIfDue(nowMonotonicMs)
    if (running === undefined || running.dueAt > nowMonotonicMs) return
    if (running.deadlineAt > nowMonotonicMs) {
      running.warn(nowMonotonicMs, requestStack(this.id, harmlessStackSignalOf(this.#features)))
      return
    }
    const [graceMs, stackSignal] = [this.#options.killGraceMs, stackSignalOf(this.#features, running.isMute)]
    this.#termination.setGrace({ graceMs, stackSignal })
    this.kill(running.deadlineWhy, running.lateError(nowMonotonicMs))
    this.#jobs.endWaitingIfDue(nowMonotonicMs)
  }

  /** Leaves once it is free: at once when idle, after its job when busy. */
  retire(why: RetireReason): void {
    this.#why ??= why
    this.#step('retire')
  }

  /** Ends its process group, by SIGKILL unless its job ran out of time or this is the second call. Its jobs fail with `error`, or its end. */
  kill(why: KillReason, error?: RelayError): void {
    if (why === 'bad_frame') this.#answers.endFirst()
    this.#why ??= why
    this.#lastJob ??= this.job
    if (error === undefined) this.#step('kill')
    else if (this.#shared !== undefined) this.#shared.failAll('kill', () => error)
    else this.#settle({ kind: 'fault', error }, 'kill')
  }

  #countJob(): void {
    const { jobsMax, jobsDue, onDue } = this.#options
    if (jobsMax > 0 && this.jobCount >= jobsMax) this.retire('max_jobs')
    else if (jobsDue > 0 && this.#book.reaches(jobsDue)) onDue(this)
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
    await drained(clock, [this.#relay && this.#relayEnd.promise, output.ended], () => this.#book.stream)
    this.#why ??= 'ended'
    const lostRelayMs = this.#why === 'relay_lost' ? this.#options.killGraceMs : undefined
    const { running } = this.#jobs
    logExit(log, { pool, id: this.id, why: this.#why, exit, jobs: this.jobCount, lastLines: output.last() })
    this.#relay?.close()
    const about = { id: this.id, exit, lostRelayMs }
    if (this.#shared !== undefined) {
      this.#shared.failAll('exit', (running, sharedWith) => crash({ ...about, running, sharedWith }))
      return
    }
    this.#settle(endOutcome({ ...about, running }), 'exit')
    this.#jobs.endWaiting({ kind: 'unserved', why: 'left' })
  }

  get #book(): JobBook {
    return this.#shared ?? this.#jobs
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
    if (cell === WorkerState.idle) this.times.idleSince = this.#options.clock.monotonicMs()
    if (wasTakingJobs && !takesJobs(this.#state)) {
      this.#book.tally.end()
      this.#options.onLeaving(this)
      this.#shared?.leave()
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
