/**
 * One event from its arrival to its answer: its facts, its deadline, and whether the server must answer it now.
 * `run-event.ts` chooses who runs it: `run-whole.ts` as one job, or `run-batch.ts` record by record.
 */
import type {
  Clock,
  Job,
  Logger,
  Pool,
  RunOptions,
  RuntimeApiFacts,
  Timer,
  WorkTrace,
} from '../../../index.js'
import { faultOfError, makeFault } from '../../../work/fault.js'
import type { PoisonRecords } from '../../../work/poison-records.js'
import type { Prefetch } from '../../../work/prefetch.js'
import { FaultKind, type Verdict } from '../../../work/verdict.js'
import { type Answer, answerEvent } from '../answer/answer.js'
import { ErrorType, toLambdaError } from '../errors.js'
import type { GivenUp } from '../failures/given-up.js'
import type { RetryWaits } from '../failures/retry-waits.js'
import type { EventTags, Mode, Work } from '../modes/mode.js'
import type { FunctionFacts } from '../plan/context.js'
import type { SplitOptions } from '../plan/split.js'
import type { Invocation } from '../runtime-api/invocation.js'
import type { ResponseStream } from '../runtime-api/response-stream.js'
import { marginInForce } from './deadline-margin.js'
import type { EventTracing } from './event-tracing.js'

/** Options of handling an event. */
export interface HandlerOptions {
  readonly pool: Pool
  readonly clock: Clock
  readonly log: Logger
  readonly facts: FunctionFacts
  readonly mode: Mode
  readonly split: SplitOptions
  /** Records that one job holds at most; 1 but for `mode: raw`. */
  readonly recordsPerJob: number
  readonly hasPartialFailures: boolean
  readonly givenUp: GivenUp
  /** Absent where `after_ms` is only logged. */
  readonly retryWaits?: RetryWaits
  /** Records that have killed their workers. */
  readonly poison: PoisonRecords
  /** Absent where `lambda.prefetch` is off. */
  readonly prefetch?: Prefetch
  /** `deadline_margin` in ms; 0 is none. */
  readonly marginMs: number
  /** False: also an event that is one whole job takes the general path, as the unusual ones do (`run-express.ts`). */
  readonly takesExpress: boolean
  /** Absent without the plugin `otel`. */
  readonly tracing?: EventTracing
  /** Told of each batch that has ended; absent outside `rr dev`. */
  readonly onBatch?: RuntimeApiFacts['onBatch']
  /** Begins a streamed answer; absent where `lambda.streaming` is off. */
  readonly openStream?: (requestId: string, contentType: string) => ResponseStream
}

/** The end of an event. */
export interface EventEnd {
  readonly answer: Answer
  /** Why it may have been answered without a worker; undefined when workers did it all. */
  readonly reason: string | undefined
}

/** A job with the limits of its run. */
export interface RunnableJob {
  readonly job: Job
  readonly options: RunOptions
}

/** The state of one event. */
export class EventRun {
  readonly options: HandlerOptions
  readonly invocation: Invocation
  readonly tags: EventTags
  /** Undefined without the plugin `otel`. */
  readonly trace: WorkTrace | undefined
  readonly #onEnd: (end: EventEnd) => void
  /** Wall-clock ms at which it is answered whatever is finished; undefined: it has no deadline. */
  readonly endMs: number | undefined
  /** Makes an answer of what is finished; set by the code that runs the event, once a part may be finished. */
  answerOfFinished: (() => Answer) | undefined
  /** Time budget in ms at arrival. */
  readonly #givenMs: number
  readonly #runOptions: RunOptions
  readonly #deadline: Timer | undefined
  /**
   * Made when the first caller waits: most events find an idle worker, and a controller costs more than the rest of the
   * wait.
   */
  #over: AbortController | undefined
  #why: Verdict | undefined
  #reason: string | undefined
  #isEnded = false

  /** Watches the deadline from now on. `onEnd` is called once, with its answer. */
  constructor(invocation: Invocation, options: HandlerOptions, onEnd: (end: EventEnd) => void) {
    this.options = options
    this.#onEnd = onEnd
    this.invocation = invocation
    const { clock, marginMs } = options
    this.trace = options.tracing?.begin(invocation)
    const { requestId, tenantId, deadlineMs } = invocation
    this.tags = tenantId === undefined ? { requestId } : { requestId, tenantId }
    if (deadlineMs === undefined) {
      this.#givenMs = 0
      this.#runOptions = {}
      return
    }
    const nowMs = clock.nowMs()
    this.endMs = deadlineMs - marginInForce(marginMs, deadlineMs - nowMs)
    this.#givenMs = this.endMs - nowMs
    this.#runOptions = { deadlineMs: this.endMs }
    this.#deadline = clock.timer(this.#givenMs, () => this.#interrupt(this.#late()), { isWall: true })
  }

  /** True once nothing of the running job may be sent any more. */
  get isEnded(): boolean {
    return this.#isEnded
  }

  /** Verdict on whatever is not finished. */
  get unfinished(): Verdict {
    return this.#why ?? this.#late()
  }

  /** Aborts at the deadline, and when the server must answer now. */
  get signal(): AbortSignal {
    this.#over ??= new AbortController()
    if (this.#why !== undefined) this.#over.abort()
    return this.#over.signal
  }

  /** Limits of a run that begins now; the verdict instead when no time is left. */
  limits(): RunOptions | Verdict {
    // Begun too late: the rest of a batch after the deadline, or after the order to answer.
    // Also when a busy event loop has held up the timer that should have said so.
    if (this.endMs !== undefined && this.options.clock.nowMs() >= this.endMs) this.#interrupt(this.#late())
    return this.#why ?? this.#runOptions
  }

  /** The job of `work` in the time that is left; the verdict instead when there is none. */
  jobOf(work: Work, id: string): RunnableJob | Verdict {
    const options = this.limits()
    if ('kind' in options) return options
    const { context, body, codec } = work
    const job = { context, body, codec, id, tags: this.tags }
    return { job: this.options.tracing?.traced(job, this.trace) ?? job, options }
  }

  /** Verdict on what was not run because no worker became free. */
  noWorker(error: unknown): Verdict {
    this.#reason ??= ErrorType.NoWorkers
    const why = this.#why
    if (why === undefined) return { kind: 'retry', why: faultOfError(error) }
    const isLate = why.kind !== 'done' && why.why.kind === FaultKind.workerTimeout
    if (!isLate) return why
    const { name, size, liveCount } = this.options.pool
    const text = `no worker of pool "${name}" became free within ${Math.round(this.#givenMs)} ms: ${liveCount} of ${size} are ready or at work`
    return { kind: 'retry', why: makeFault(FaultKind.noWorkers, text) }
  }

  /** Ends it with its answer, unless `answerNow` has done so. `reason`: why no worker was needed. */
  end(answer: Answer, reason?: string): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#deadline?.clear()
    this.options.tracing?.end(this.trace, answer)
    this.#onEnd({ answer, reason: this.#reason ?? reason })
  }

  /** Ends it after an error that nothing a worker or an event can do leads to; still it gets its answer. */
  endWithError(error: unknown): void {
    this.options.log.error({ requestId: this.invocation.requestId, error }, 'an event could not be handled')
    this.end(answerEvent({ kind: 'retry', why: faultOfError(error) }))
  }

  /** Answers now: what is finished counts, the rest is failed with RR.Stopped. Running jobs are not waited for. */
  answerNow(): void {
    const why = makeFault(FaultKind.stopped, 'the server was stopped before this was done')
    this.#interrupt({ kind: 'retry', why })
    if (this.answerOfFinished !== undefined) this.end(this.answerOfFinished())
  }

  #interrupt(why: Verdict): void {
    this.#why ??= why
    if (why.kind !== 'done') this.#reason ??= toLambdaError(why.why).errorType
    this.#over?.abort()
  }

  #late(): Verdict {
    const text = `${this.invocation.requestId} was not done within ${Math.round(this.#givenMs)} ms, which is what it had when it came, less the deadline margin`
    return { kind: 'retry', why: makeFault(FaultKind.workerTimeout, text) }
  }
}
