/** Takes the frames of one worker as answers to its jobs, and says what each means for the worker. */

import type { RelayError } from '../../../core/errors.js'
import { type Frame, StreamBit } from '../../../ipc/frame.js'
import type { KillReason, RetireReason, WorkerState } from '../state.js'
import { type Outcome, outcomeOf } from './outcome.js'
import type { ForeignAnswer, WholeAnswer } from './reply.js'
import type { JobHost, RunningJob } from './running.js'
import type { SentJobs } from './sent-jobs.js'
import { logAnonymous, logForeign, logUnasked } from './wrong-answers.js'

const stopStream = { flags: 0, stream: StreamBit.stop, options: [], head: '' } as const

/** The worker as its answers see it. */
interface AnsweringWorker {
  readonly state: WorkerState
  readonly why: RetireReason | KillReason | undefined
  retire(why: RetireReason): void
  kill(why: KillReason, error?: RelayError): void
}

/** Parts of the answers. */
export interface AnswersOptions {
  readonly host: JobHost
  readonly jobs: SentJobs
  readonly worker: AnsweringWorker
  /** Ends the job that runs with the worker's own answer. */
  readonly settle: (outcome: Outcome) => void
}

/** Answers of one worker. */
export class Answers {
  readonly #options: AnswersOptions
  /** Answer of the job that runs, until it is settled. */
  #first: WholeAnswer | undefined

  constructor(options: AnswersOptions) {
    this.#options = options
  }

  /** Takes a frame. */
  take(frame: Frame): void {
    const { jobs, worker } = this.#options
    const running = jobs.asked
    if (running === undefined) {
      this.#takeUnasked(frame)
      return
    }
    const answer = running.read(frame)
    if (answer.kind === 'foreign') {
      this.#takeForeign(answer, running, frame)
      return
    }
    // At once: the end of its process may be right behind.
    if (answer.kind === 'self_stop') worker.retire('self_stop')
    else if (answer.kind !== 'bad' && answer.leaves) worker.retire('leave')
    if (answer.kind === 'chunk') {
      running.addChunk(answer.reply, answer.wantsPong)
      return
    }
    if (answer.kind === 'bad') {
      worker.kill('bad_frame', running.badAnswer(answer.what, frame))
      return
    }
    jobs.answered(running)
    if (running === jobs.running) this.#first = answer
    running.settleLater(() => this.#settle(running, answer))
  }

  /**
   * Settles the job that runs when its answer has been taken and another one waits behind it, before the worker is killed for what came
   * next: that has nothing to do with it. The other one may have begun.
   */
  endFirst(): void {
    const { jobs } = this.#options
    jobs.mayHaveMovedOn()
    const [first, running] = [this.#first, jobs.running]
    if (first === undefined || running?.isAnswered !== true || jobs.asked === undefined) return
    // What it streamed is still on its way to its caller.
    if (running.stream === undefined) this.#settle(running, first)
  }

  /** Ends the worker, or its service, after a frame that no job waits for. */
  #takeUnasked(frame: Frame): void {
    const { host, jobs, worker } = this.#options
    const answered = jobs.running
    // From a worker that is being killed it is an answer that came too late.
    jobs.mayHaveMovedOn()
    if (answered === undefined && worker.state !== 'idle') return
    if (worker.why === undefined) logUnasked(host, frame)
    if (answered === undefined) worker.kill('bad_frame')
    // An answer that is about to be settled counts.
    else worker.retire('wrong_job')
  }

  /** Drops an answer that names another job: the running one goes on, and the worker takes no other. */
  #takeForeign(answer: ForeignAnswer, running: RunningJob, frame: Frame): void {
    const { host, jobs, worker } = this.#options
    if (worker.why !== 'wrong_job') logForeign(host, answer, running.jobId)
    if (jobs.isBehind(running, answer.jobId)) {
      worker.kill('bad_frame', running.badAnswer('the answer to the job behind it', frame))
      return
    }
    // It may wait for a word before it goes on.
    if (answer.wantsPong) host.relay()?.send(stopStream)
    worker.retire('wrong_job')
  }

  #settle(running: RunningJob, answer: WholeAnswer): void {
    const { host, jobs, worker, settle } = this.#options
    // Killed in the meantime: a late answer must never reach the next job.
    if (jobs.running !== running) return
    this.#first = undefined
    if (answer.kind === 'error' && answer.isAnonymous) {
      // It may have been an earlier job's: this one has failed, and may still run.
      logAnonymous(host, running.jobId)
      worker.retire('wrong_job')
    }
    settle(outcomeOf(answer, { id: host.id, job: running.job }))
  }
}
