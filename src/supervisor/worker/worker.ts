/**
 * One worker: a process, its relay, at most one job, and the one field that says where it is. The pool decides when it is
 * replaced; this file moves it along `state.ts` and turns anything its peer does into exactly one outcome per job.
 */
import { assert } from '../../core/assert.js'
import { deferred } from '../../core/deferred.js'
import { ErrorCode, type RelayError } from '../../core/errors.js'
import { type Frame, FrameFlag, StreamBit } from '../../ipc/frame.js'
import type { Relay } from '../../ipc/relay.js'
import type { Job, RunOptions } from '../job.js'
import { drained, logExit } from './exit-log.js'
import { jobIdFeature, numbered } from './job/id.js'
import { crash, type Outcome, outcomeOf, unsent } from './job/outcome.js'
import type { ForeignAnswer, WholeAnswer } from './job/reply.js'
import { type JobHost, RunningJob } from './job/running.js'
import { type JobScore, JobTally } from './job/tally.js'
import { logAnonymous, logForeign, logIgnoredConcurrency, logUnasked } from './job/wrong-answers.js'
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
const stopStream = { flags: 0, stream: StreamBit.stop, options: [], head: '' } as const

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
  /** True when the worker announced `job_id`. */
  #numbersJobs = false
  #job: RunningJob | undefined
  /** The job in which it was killed: what it says until its end is tagged with it. */
  #lastJob: Job | undefined
  #jobCount = 0
  readonly #tally = new JobTally()
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
    return this.#jobCount
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
      answered: this.#tally.answered,
      failed: this.#tally.failed,
      isGone: !takesJobs(this.#state),
      hasLeftInPeace: isPeaceful(this.#why),
      isBusy: this.#job !== undefined,
    }
  }

  /** Resolves when `count` jobs have been answered, or it leaves. */
  answered(count: number): Promise<void> {
    return takesJobs(this.#state) ? this.#tally.reach(count) : Promise.resolve()
  }

  /** The job that runs, or in which it was killed, for the tags of its log lines: some are read after it has been settled. */
  get job(): Job | undefined {
    return this.#job?.job ?? this.#lastJob
  }

  /** Monotonic ms at which the running job is warned of or over its limit; Infinity when none runs or it has no limit. */
  get dueAt(): number {
    return this.#job?.dueAt ?? Number.POSITIVE_INFINITY
  }

  /** Takes the relay over which it answered the PID request: from now on it takes jobs, and control messages of what it announced. */
  adopt(relay: Relay, features: readonly string[] = []): void {
    this.#relay = relay
    this.#features = features
    this.#numbersJobs = features.includes(jobIdFeature)
    if (features.includes('concurrency') && !this.#numbersJobs) logIgnoredConcurrency(this.#host)
    this.#readyAt = this.#options.clock.monotonicMs()
    relay.read({
      frame: (frame) => this.#onFrame(frame),
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
    this.#jobCount += 1
    const { context, jobId } = numbered(job, this.#numbersJobs ? this.#jobCount : undefined)
    const running = new RunningJob(this.#host, { job, run: options, jobId, onOutcome })
    this.#job = running
    this.#step('assign')
    try {
      running.send(context)
    } catch (error) {
      this.#settle(unsent(this.id, error), 'settle')
      return
    }
    this.#options.onDeadline(running.dueAt)
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
    const running = this.#job
    if (running === undefined || running.dueAt > nowMonotonicMs) return
    if (running.deadlineAt > nowMonotonicMs) {
      running.warn(nowMonotonicMs, requestStack(this.id, stackSignalOf(this.#features, false)))
      return
    }
    const stackSignal = stackSignalOf(this.#features, running.isMute)
    this.#termination.setGrace({ graceMs: this.#options.killGraceMs, stackSignal })
    this.kill(running.deadlineWhy, running.lateError(nowMonotonicMs))
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
    this.#lastJob ??= this.#job?.job
    if (error === undefined) this.#step('kill')
    else this.#settle({ kind: 'fault', error }, 'kill')
  }

  #onFrame(frame: Frame): void {
    const running = this.#job
    if (running === undefined || running.isAnswered) {
      this.#onUnasked(frame, running)
      return
    }
    const answer = running.read(frame)
    if (answer.kind === 'foreign') {
      this.#onForeign(answer, running)
      return
    }
    // At once: the end of its process may be right behind.
    if (answer.kind === 'self_stop') this.retire('self_stop')
    else if (answer.kind !== 'bad' && answer.leaves) this.retire('leave')
    if (answer.kind === 'chunk') {
      running.addChunk(answer.reply, answer.wantsPong)
      return
    }
    if (answer.kind === 'bad') {
      this.kill('bad_frame', running.badAnswer(answer.what, frame))
      return
    }
    running.settleLater(() => this.#onAnswer(running, answer))
  }

  /** Ends the worker, or its service, after a frame that no job waits for. */
  #onUnasked(frame: Frame, answered: RunningJob | undefined): void {
    if (answered === undefined && this.#state !== WorkerState.idle) return
    if (this.#why === undefined) logUnasked(this.#host, frame)
    if (answered === undefined) this.kill('bad_frame')
    // An answer that is about to be settled counts.
    else this.retire('wrong_job')
  }

  /** Drops an answer that names another job: the running one goes on, and the worker takes no other. */
  #onForeign(answer: ForeignAnswer, running: RunningJob): void {
    if (this.#why !== 'wrong_job') logForeign(this.#host, answer, running.jobId)
    // It may wait for a word before it goes on.
    if (answer.wantsPong) this.#relay?.send(stopStream)
    this.retire('wrong_job')
  }

  #onAnswer(running: RunningJob, answer: WholeAnswer): void {
    // Killed in the meantime: a late answer must never reach the next job.
    if (this.#job !== running) return
    if (answer.kind === 'error' && answer.isAnonymous) {
      // It may have been an earlier job's: this one has failed, and may still run.
      logAnonymous(this.#host, running.jobId)
      this.retire('wrong_job')
    }
    this.#settle(outcomeOf(answer, { id: this.id, job: running.job }), 'settle')
  }

  #countJob(): void {
    const { jobsMax, jobsDue, onDue } = this.#options
    if (jobsMax > 0 && this.#jobCount >= jobsMax) this.retire('max_jobs')
    else if (jobsDue > 0 && this.#jobCount === jobsDue) onDue(this)
  }

  #onStray(bytes: Buffer): void {
    this.#options.output.addStray(bytes)
    this.#job?.addStray(bytes, (error) => this.kill('bad_frame', error))
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
    await drained(clock, [this.#relay && this.#relayEnd.promise, output.ended], () => this.#job?.stream?.held)
    await this.#job?.stream?.taken
    // An answer that came with the last bytes is settled in a `setImmediate` of its own, before this one.
    await new Promise<void>((resolve) => setImmediate(resolve))
    this.#why ??= 'ended'
    const lostRelayMs = this.#why === 'relay_lost' ? this.#options.killGraceMs : undefined
    const error = crash({ id: this.id, running: this.#job, exit, lostRelayMs })
    const { id, why } = this
    logExit(log, { pool, id, why, exit, jobs: this.#jobCount, lastLines: output.last() })
    this.#relay?.close()
    this.#settle({ kind: 'fault', error }, 'exit')
  }

  /** Moves on by `event`, on which the running job, if there is one, has its outcome. Its caller comes last: it may act on the worker. */
  #settle(outcome: Outcome, event: 'settle' | 'kill' | 'exit'): void {
    const running = this.#job
    if (running !== undefined) this.#end(running, outcome)
    this.#step(event)
    if (event === 'settle' && outcome.kind !== 'unserved') this.#countJob()
    running?.onOutcome(outcome)
  }

  #end(running: RunningJob, outcome: Outcome): void {
    this.#options.output.endLines()
    running.end()
    this.#job = undefined
    if (outcome.kind !== 'unserved' && !running.isControl) this.#tally.add(outcome.kind === 'fault')
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
      this.#tally.end()
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
