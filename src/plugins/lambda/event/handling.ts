/**
 * One event while it is handled: what is known of it, until when it has to be answered, and whether somebody wants the answer now.
 * `run-event.ts` and `run-batch.ts` do the work.
 */
import {
  type Clock,
  ErrorCode,
  hasCode,
  type Job,
  type Logger,
  type Pool,
  type RunOptions,
} from '../../../index.js'
import type { Answer } from '../answer/answer.js'
import type { Verdict } from '../answer/verdict.js'
import { ErrorType, lambdaError, toLambdaError } from '../errors.js'
import type { GivenUp } from '../failures/given-up.js'
import type { DeathBook } from '../failures/quarantine.js'
import type { EventTags } from '../failures/report.js'
import type { Mode, Work } from '../modes/mode.js'
import type { FunctionFacts } from '../plan/context.js'
import type { SplitOptions } from '../plan/split.js'
import type { Invocation } from '../runtime-api/client.js'
import type { ResponseStream } from '../runtime-api/response-stream.js'

/** What handling an event needs. */
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
  readonly deaths: DeathBook
  /** `deadline_margin` in ms; 0 is none. */
  readonly marginMs: number
  /** Begins a streamed answer; absent where `lambda.streaming` is off. */
  readonly openStream?: (requestId: string, contentType: string) => ResponseStream
}

const marginShare = 0.1
const marginMsMin = 50

/** The margin in force: the smaller of the setting and a tenth of the time left, at least 50 ms; none when it is off. */
export function marginInForce(settingMs: number, leftMs: number): number {
  if (settingMs === 0) return 0
  return Math.max(marginMsMin, Math.min(settingMs, leftMs * marginShare))
}

/** The event, from its coming to its answer. */
export class Handling {
  readonly options: HandlerOptions
  readonly invocation: Invocation
  readonly tags: EventTags
  /** Wall-clock ms at which it is answered whatever is finished; undefined: it has no deadline. */
  readonly endMs: number | undefined
  /** From its coming to `endMs`. */
  readonly #givenMs: number
  /** Made when somebody waits: most events find an idle worker, and a controller costs more than the rest of the wait. */
  #over: AbortController | undefined
  #why: Verdict | undefined
  #reason: string | undefined
  #collect: (() => Answer) | undefined
  #isAnswered = false

  constructor(invocation: Invocation, options: HandlerOptions) {
    this.options = options
    this.invocation = invocation
    const { clock, marginMs } = options
    const { requestId, tenantId, deadlineMs } = invocation
    this.tags = tenantId === undefined ? { requestId } : { requestId, tenantId }
    const nowMs = clock.nowMs()
    this.endMs =
      deadlineMs === undefined ? undefined : deadlineMs - marginInForce(marginMs, deadlineMs - nowMs)
    this.#givenMs = (this.endMs ?? nowMs) - nowMs
  }

  /** Interrupts it at its end; returns what calls that off. */
  watchEnd(): () => void {
    if (this.endMs === undefined) return () => undefined
    const late = () => this.#interrupt(this.#late())
    const timer = this.options.clock.timer(this.#givenMs, late, { isWall: true })
    return () => timer.clear()
  }

  /** Why it may have been answered without a worker; undefined when a worker did it all. */
  get reason(): string | undefined {
    return this.#reason
  }

  /** Nothing of what still runs may be sent any more. */
  get isAnswered(): boolean {
    return this.#isAnswered
  }

  /** What becomes of whatever is not finished. */
  get unfinished(): Verdict {
    return this.#why ?? this.#late()
  }

  /** Aborts at the deadline, and when the server must answer now. */
  get signal(): AbortSignal {
    this.#over ??= new AbortController()
    if (this.#why !== undefined) this.#over.abort()
    return this.#over.signal
  }

  /** No worker is needed for it. */
  needsNone(reason: string): void {
    this.#reason = reason
  }

  /** From now on an answer can be made of what is finished. */
  collectWith(collect: () => Answer): void {
    this.#collect = collect
  }

  /** The answer of what is finished; the rest is failed with RR.Stopped. Undefined while there is nothing to make one of. */
  answerNow(): Answer | undefined {
    const error = lambdaError(ErrorType.Stopped, 'the server was stopped before this was done')
    this.#interrupt({ kind: 'again', error })
    const answer = this.#collect?.()
    this.#isAnswered = answer !== undefined
    return answer
  }

  /** Runs one job in the time that is left; whatever it rejects with is a verdict. */
  async runJob(
    work: Work,
    id: string,
    run: (job: Job, options: RunOptions) => Promise<Verdict>,
  ): Promise<Verdict> {
    // Begun too late: the rest of a batch after the deadline, or after the order to answer.
    // Also when a busy event loop has held up the timer that should have said so.
    if (this.endMs !== undefined && this.options.clock.nowMs() >= this.endMs) this.#interrupt(this.#late())
    if (this.#why !== undefined) return this.#why
    const options = this.endMs === undefined ? {} : { deadlineMs: this.endMs }
    const { context, body, codec } = work
    try {
      return await run({ context, body, codec, id, ...this.tags }, options)
    } catch (error) {
      const isDeath = hasCode(error, ErrorCode.WorkerCrashed)
      return { kind: 'again', error: toLambdaError(error), ...(isDeath ? { isDeath } : {}) }
    }
  }

  /** What it means that no worker became free. */
  noWorker(error: unknown): Verdict {
    this.#reason ??= ErrorType.NoWorkers
    const why = this.#why
    if (why === undefined) return { kind: 'again', error: toLambdaError(error) }
    const isLate = why.kind !== 'done' && why.error.errorType === ErrorType.WorkerTimeout
    if (!isLate) return why
    const { name, size, liveCount } = this.options.pool
    const text = `no worker of pool "${name}" became free within ${Math.round(this.#givenMs)} ms: ${liveCount} of ${size} are ready or at work`
    return { kind: 'again', error: lambdaError(ErrorType.NoWorkers, text) }
  }

  #interrupt(why: Verdict): void {
    this.#why ??= why
    if (why.kind !== 'done') this.#reason ??= why.error.errorType
    this.#over?.abort()
  }

  #late(): Verdict {
    const text = `${this.invocation.requestId} was not done within ${Math.round(this.#givenMs)} ms, which is what it had when it came, less the deadline margin`
    return { kind: 'again', error: lambdaError(ErrorType.WorkerTimeout, text) }
  }
}
