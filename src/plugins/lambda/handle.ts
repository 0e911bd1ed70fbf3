/** One event from its bytes to its answer. Never rejects: whatever happens, there is an answer. */
import { type Clock, Codec, type Lease, type Logger, messageOf, type Pool } from '../../index.js'
import { type Answer, answerBatch, answerEvent } from './answer.js'
import { ContextMaker, type FunctionFacts } from './context.js'
import { ErrorType, lambdaError, toLambdaError } from './errors.js'
import { runLanes } from './run-lanes.js'
import type { Invocation } from './runtime-client.js'
import { type EventPlan, planEvent, type RecordPlan, type SplitOptions } from './split.js'
import { readVerdict, type Verdict } from './verdict.js'

/** What handling an event needs. */
export interface HandlerOptions {
  readonly pool: Pool
  readonly clock: Clock
  readonly log: Logger
  readonly facts: FunctionFacts
  readonly split: SplitOptions
  readonly hasPartialFailures: boolean
  readonly failed: 'redrive' | 'log'
  /** `deadline_margin` in ms; 0 is none. */
  readonly marginMs: number
}

const marginShare = 0.1
const marginMsMin = 50

/** The margin in force: the smaller of the setting and a tenth of the time left, at least 50 ms; none when it is off. */
export function marginInForce(settingMs: number, leftMs: number): number {
  if (settingMs === 0) return 0
  return Math.max(marginMsMin, Math.min(settingMs, leftMs * marginShare))
}

/** An event that is being handled; it can be told to answer with what is finished. */
export class EventRun {
  readonly answer: Promise<Answer>
  readonly #options: HandlerOptions
  readonly #invocation: Invocation
  /** Made when somebody waits: most events find an idle worker, and a controller costs more than the rest of the wait. */
  #over: AbortController | undefined
  readonly #endMs: number | undefined
  #why: Verdict | undefined
  #settle!: (answer: Answer) => void
  #collect: (() => Answer) | undefined

  constructor(invocation: Invocation, options: HandlerOptions) {
    this.#options = options
    this.#invocation = invocation
    const { clock, marginMs } = options
    const { deadlineMs } = invocation
    const leftMs = deadlineMs === undefined ? undefined : deadlineMs - clock.nowMs()
    this.#endMs =
      deadlineMs === undefined || leftMs === undefined
        ? undefined
        : deadlineMs - marginInForce(marginMs, leftMs)
    this.answer = new Promise((resolve) => {
      this.#settle = resolve
    })
    const timer =
      this.#endMs === undefined
        ? undefined
        : clock.timer(this.#endMs - clock.nowMs(), () => this.#interrupt(this.#late(leftMs ?? 0)))
    void this.#run().then((answer) => {
      timer?.clear()
      this.#settle(answer)
    })
  }

  /** Answers now: what is finished counts, the rest is failed with RR.Stopped. Running jobs are not waited for. */
  answerNow(): void {
    this.#interrupt({
      kind: 'again',
      error: lambdaError(ErrorType.Stopped, 'the server was stopped before this was done'),
    })
    const answer = this.#collect?.()
    if (answer !== undefined) this.#settle(answer)
  }

  /** Aborts at the deadline, and when the server must answer now. */
  #signal(): AbortSignal {
    this.#over ??= new AbortController()
    if (this.#why !== undefined) this.#over.abort()
    return this.#over.signal
  }

  #interrupt(why: Verdict): void {
    this.#why ??= why
    this.#over?.abort()
  }

  #late(leftMs: number): Verdict {
    const text = `${this.#invocation.requestId} was not done ${Math.round(leftMs)} ms after it came, which is the time it was given less the deadline margin`
    return { kind: 'again', error: lambdaError(ErrorType.WorkerTimeout, text) }
  }

  async #run(): Promise<Answer> {
    const { split, facts } = this.#options
    const plan = planEvent(this.#invocation.body, split)
    const contexts = new ContextMaker(this.#invocation, facts, plan.source)
    return plan.kind === 'event' ? this.#runEvent(contexts) : this.#runBatch(plan, contexts)
  }

  async #runEvent(contexts: ContextMaker): Promise<Answer> {
    const { pool } = this.#options
    this.#collect = () => answerEvent(this.#why ?? this.#late(0))
    let lease: Lease | undefined
    try {
      lease = pool.tryAcquire() ?? (await pool.acquire({ front: true, signal: this.#signal() }))
    } catch (error) {
      return answerEvent(this.#noWorker(error))
    }
    const { requestId, body } = this.#invocation
    const verdict = await this.#runJob(lease, { context: contexts.ofEvent(), body, id: requestId })
    lease.release()
    this.#report(requestId, verdict, undefined)
    return answerEvent(verdict)
  }

  async #runBatch(plan: EventPlan & { kind: 'batch' }, contexts: ContextMaker): Promise<Answer> {
    const { records, lanes } = plan
    const { pool, hasPartialFailures } = this.#options
    const verdicts: Verdict[] = new Array(records.length)
    const isFailed = (verdict: Verdict) => this.#isFailed(verdict)
    const unfinished = (): Verdict => this.#why ?? this.#late(0)
    const collect = () =>
      answerBatch(
        records,
        Array.from(verdicts, (verdict) => verdict ?? unfinished()),
        isFailed,
        hasPartialFailures,
      )
    this.#collect = collect
    let prepared = { index: -1, context: '' }
    const contextOf = (index: number) =>
      prepared.index === index ? prepared.context : contexts.ofRecord(records[index] as RecordPlan)
    await runLanes({
      pool,
      lanes,
      prepare: (index) => {
        if (prepared.index !== index) prepared = { index, context: contextOf(index) }
      },
      isFailed,
      signal: this.#signal(),
      onNoWorker: (error) => this.#noWorker(error),
      onVerdict: (index, verdict) => {
        verdicts[index] = verdict
        const record = records[index]
        if (verdict.kind !== 'done' && record !== undefined)
          this.#report(this.#jobId(record), verdict, record)
      },
      runRecord: (index, lease) => {
        const record = records[index] as RecordPlan
        return this.#runJob(lease, {
          context: contextOf(index),
          body: record.body,
          id: this.#jobId(record),
        })
      },
    })
    return collect()
  }

  async #runJob(
    lease: Lease,
    job: { context: string; body: string | Uint8Array; id: string },
  ): Promise<Verdict> {
    // Begun too late: the rest of a batch after the deadline, or after the order to answer.
    if (this.#why !== undefined) return this.#why
    const options = this.#endMs === undefined ? {} : { deadlineMs: this.#endMs }
    try {
      const reply = await lease.run(
        { ...job, codec: Codec.raw, requestId: this.#invocation.requestId },
        options,
      )
      return readVerdict(reply)
    } catch (error) {
      return { kind: 'again', error: toLambdaError(error) }
    }
  }

  #jobId(record: RecordPlan): string {
    return `${this.#invocation.requestId}/${record.name}`
  }

  #noWorker(error: unknown): Verdict {
    if (this.#why !== undefined) {
      const isLate = this.#why.kind !== 'done' && this.#why.error.errorType === ErrorType.WorkerTimeout
      if (!isLate) return this.#why
      return {
        kind: 'again',
        error: lambdaError(ErrorType.NoWorkers, `no worker became free in time: ${messageOf(error)}`),
      }
    }
    return { kind: 'again', error: toLambdaError(error) }
  }

  /** A record that shall never come again is failed under `redrive`, so that the queue's own policy moves it. */
  #isFailed(verdict: Verdict): boolean {
    return verdict.kind === 'again' || (verdict.kind === 'never' && this.#options.failed === 'redrive')
  }

  #report(job: string, verdict: Verdict, record: RecordPlan | undefined): void {
    const { log, failed } = this.#options
    const { requestId } = this.#invocation
    if (verdict.kind === 'done') return
    const { errorType, errorMessage } = verdict.error
    const fields = { job, requestId, errorType, errorMessage }
    if (verdict.kind === 'again') {
      const message = record === undefined ? 'an event failed' : 'a record failed, it comes again'
      log.info(verdict.afterMs === undefined ? fields : { ...fields, afterMs: verdict.afterMs }, message)
    } else if (record === undefined) log.info(fields, 'a worker gave up an event')
    else if (failed === 'redrive')
      log.warn(fields, 'a worker gave up a record: it is left to the queue’s redrive policy')
    else
      log.error(
        { ...fields, record: { ...record.rest, body: String(record.body) } },
        'a worker gave up a record',
      )
  }
}
