/** One event from its bytes to its answer. Never rejects: whatever happens, there is an answer. */
import {
  type Clock,
  ErrorCode,
  hasCode,
  type Job,
  type Lease,
  type Logger,
  type Pool,
  type Reply,
  type RunOptions,
} from '../../index.js'
import { type Answer, answerBatch, answerEvent } from './answer.js'
import { ContextMaker, type FunctionFacts } from './context.js'
import { ErrorType, lambdaError, toLambdaError } from './errors.js'
import type { GivenUp } from './given-up.js'
import type { EventFacts, EventWork, Mode, Work } from './modes/mode.js'
import type { DeathBook } from './quarantine.js'
import { type EventTags, reportEvent, reportRecord } from './report.js'
import type { ResponseStream } from './response-stream.js'
import { runLanes, toJobLanes } from './run-lanes.js'
import { answerReply, runStreamed } from './run-streamed.js'
import type { Invocation } from './runtime-client.js'
import { type EventPlan, planEvent, type RecordPlan, type SplitOptions } from './split.js'
import { StreamedAnswer, type StreamForm } from './streamed-answer.js'
import type { Verdict } from './verdict.js'

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

/** An event that is being handled; it can be told to answer with what is finished. */
export class EventRun {
  readonly answer: Promise<Answer>
  readonly #options: HandlerOptions
  readonly #invocation: Invocation
  /** Made when somebody waits: most events find an idle worker, and a controller costs more than the rest of the wait. */
  #over: AbortController | undefined
  readonly #endMs: number | undefined
  /** From its coming to `#endMs`. */
  readonly #givenMs: number
  readonly #tags: EventTags
  #why: Verdict | undefined
  #reason: string | undefined
  #settle!: (answer: Answer) => void
  #collect: (() => Answer) | undefined
  /** Nothing of what still runs may be sent any more. */
  #isAnswered = false

  constructor(invocation: Invocation, options: HandlerOptions) {
    this.#options = options
    this.#invocation = invocation
    const { clock, marginMs } = options
    const { requestId, tenantId, deadlineMs } = invocation
    this.#tags = tenantId === undefined ? { requestId } : { requestId, tenantId }
    const nowMs = clock.nowMs()
    this.#endMs =
      deadlineMs === undefined ? undefined : deadlineMs - marginInForce(marginMs, deadlineMs - nowMs)
    this.#givenMs = (this.#endMs ?? nowMs) - nowMs
    this.answer = new Promise((resolve) => {
      this.#settle = resolve
    })
    const timer =
      this.#endMs === undefined
        ? undefined
        : clock.timer(this.#givenMs, () => this.#interrupt(this.#late()), { isWall: true })
    void this.#run().then((answer) => {
      timer?.clear()
      this.#settle(answer)
    })
  }

  /** Why it may have been answered without a worker; undefined when a worker did it all. */
  get reason(): string | undefined {
    return this.#reason
  }

  /** Answers now: what is finished counts, the rest is failed with RR.Stopped. Running jobs are not waited for. */
  answerNow(): void {
    this.#interrupt({
      kind: 'again',
      error: lambdaError(ErrorType.Stopped, 'the server was stopped before this was done'),
    })
    const answer = this.#collect?.()
    this.#isAnswered = answer !== undefined
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
    if (why.kind !== 'done') this.#reason ??= why.error.errorType
    this.#over?.abort()
  }

  #late(): Verdict {
    const text = `${this.#invocation.requestId} was not done within ${Math.round(this.#givenMs)} ms, which is what it had when it came, less the deadline margin`
    return { kind: 'again', error: lambdaError(ErrorType.WorkerTimeout, text) }
  }

  async #run(): Promise<Answer> {
    const { split, facts } = this.#options
    const plan = planEvent(this.#invocation.body, split)
    const contexts = new ContextMaker(this.#invocation, facts, plan.source)
    const event = { invocation: this.#invocation, source: plan.source, contexts }
    try {
      return plan.kind === 'event' ? await this.#runEvent(event) : await this.#runBatch(plan, event)
    } catch (error) {
      // Nothing that a worker or an event can do leads here; and still the event gets its answer.
      this.#options.log.error(
        { requestId: this.#invocation.requestId, error },
        'an event could not be handled',
      )
      return answerEvent({ kind: 'again', error: toLambdaError(error) })
    }
  }

  async #runEvent(event: EventFacts): Promise<Answer> {
    const { mode, log, pool } = this.#options
    this.#collect = () => answerEvent(this.#why ?? this.#late())
    const made = mode.eventWork(event)
    // Taken before the form is laid down: no poller may count on this worker meanwhile.
    const early = made instanceof Promise ? pool.tryAcquire() : undefined
    const work = made instanceof Promise ? await made.catch(giveBack(early)) : made
    if ('unfit' in work) {
      early?.release()
      this.#reason = 'unfit'
      reportEvent(log, this.#tags, work.unfit)
      if (work.streamed === undefined) return answerEvent(work.unfit)
      const { form, reply } = work.streamed
      return answerReply(this.#streamed(form), reply, () => work.unfit)
    }
    const streamed = this.#streamed(work.stream)
    const verdict = await this.#runWork(work, streamed, early)
    await work.clean?.()
    reportEvent(log, this.#tags, verdict)
    if (streamed?.hasBegun === true) {
      if (verdict.kind !== 'done') await streamed.fail(verdict.error)
      return { kind: 'streamed' }
    }
    if (verdict.kind === 'done' || work.failureReply === undefined) return answerEvent(verdict)
    // A stream of its own: the worker's may have failed on what it was sent.
    return answerReply(this.#streamed(work.stream), work.failureReply, work.read)
  }

  #streamed(form: StreamForm | undefined): StreamedAnswer | undefined {
    const { openStream } = this.#options
    const { requestId } = this.#invocation
    if (openStream === undefined || form === undefined || this.#isAnswered) return undefined
    const streamed = new StreamedAnswer(form, (contentType) => openStream(requestId, contentType))
    this.#collect = () => {
      const why = this.#why ?? this.#late()
      if (streamed.hasBegun && why.kind !== 'done') void streamed.fail(why.error)
      else streamed.abandon()
      return streamed.hasBegun ? { kind: 'streamed' } : answerEvent(why)
    }
    return streamed
  }

  async #runWork(
    work: EventWork,
    streamed: StreamedAnswer | undefined,
    early: Lease | undefined,
  ): Promise<Verdict> {
    const { pool } = this.#options
    let lease: Lease
    try {
      lease = early ?? pool.tryAcquire() ?? (await pool.acquire({ front: true, signal: this.#signal() }))
    } catch (error) {
      return this.#noWorker(error)
    }
    try {
      return await this.#runJob(work, this.#invocation.requestId, (job, options) => {
        if (streamed !== undefined) return runStreamed(lease, job, { options, work, streamed })
        const { collector } = work
        if (collector === undefined) return lease.run(job, options).then(work.read)
        const onChunk = (chunk: Reply) => collector.take(chunk)
        return lease.run(job, { ...options, onChunk }).then(
          (last) => work.read(collector.whole(last)),
          // A worker that was told to stop and did not was killed for what the collector knows.
          (error) => Promise.reject(collector.fault ?? error),
        )
      })
    } finally {
      lease.release()
    }
  }

  async #runBatch(plan: EventPlan & { kind: 'batch' }, event: EventFacts): Promise<Answer> {
    const { records, isPartial } = plan
    const { pool, mode, hasPartialFailures, recordsPerJob, deaths, givenUp } = this.#options
    if (records.length === 0) this.#reason = 'an empty batch'
    const verdicts: Verdict[] = new Array(records.length)
    const isFailed = (verdict: Verdict) => givenUp.isFailed(verdict)
    const unfinished = (): Verdict => this.#why ?? this.#late()
    const collect = () =>
      answerBatch({
        records,
        verdicts: Array.from(verdicts, (verdict) => verdict ?? unfinished()),
        isFailed,
        isPartial: isPartial && hasPartialFailures,
      })
    this.#collect = collect
    let prepared: { readonly indexes: readonly number[]; readonly work: Work } | undefined
    const recordsAt = (indexes: readonly number[]) => indexes.map((index) => records[index] as RecordPlan)
    const workOf = (indexes: readonly number[]) =>
      prepared?.indexes === indexes ? prepared.work : mode.recordsWork(event, recordsAt(indexes))
    const isSuspect = (index: number) => deaths.isSuspect(records[index]?.name ?? '')
    await runLanes({
      pool,
      lanes: toJobLanes(plan.lanes, recordsPerJob, isSuspect),
      prepare: (indexes) => {
        if (prepared?.indexes !== indexes) prepared = { indexes, work: workOf(indexes) }
      },
      isFailed,
      signal: this.#signal(),
      onNoWorker: (error) => this.#noWorker(error),
      onVerdict: (index, verdict) => {
        verdicts[index] = verdict
        if (verdict.kind === 'done' && verdict.warning === undefined) return
        const record = records[index]
        if (record !== undefined) this.#report(record, verdict)
      },
      runJob: (indexes, lease) => this.#runRecords(recordsAt(indexes), workOf(indexes), lease),
    })
    return collect()
  }

  /** One job of a batch: on the lane's worker, or, when the record has killed workers before, on one of its own. */
  async #runRecords(records: readonly RecordPlan[], work: Work, lease: Lease): Promise<readonly Verdict[]> {
    const { pool, mode, deaths, givenUp } = this.#options
    const [first] = records
    if (first === undefined) return []
    const isQuarantined = records.length === 1 && deaths.isQuarantined(first.name)
    let verdicts: readonly Verdict[] = []
    const verdict = await this.#runJob(work, this.#jobId(records), async (job, options) => {
      const reply = isQuarantined ? await pool.runAlone(job, options) : await lease.run(job, options)
      verdicts = mode.readRecords(reply, records)
      for (const { name } of records) deaths.forget(name)
      return { kind: 'done', body: reply.body }
    })
    if (verdict.kind !== 'done') verdicts = records.map(() => this.#afterDeath(first, verdict, isQuarantined))
    if (verdict.kind === 'again' && verdict.isDeath === true) this.#countDeath(records)
    if (!verdicts.some((one) => one.kind === 'never')) return verdicts
    return Promise.all(
      verdicts.map((one, at) =>
        givenUp.settle(one, records[at] as RecordPlan, this.#invocation, this.#endMs),
      ),
    )
  }

  /** Of several records nobody knows which it was: each will run alone, and may still be innocent. */
  #countDeath(records: readonly RecordPlan[]): void {
    const { deaths } = this.#options
    for (const { name } of records) {
      if (records.length === 1) deaths.add(name)
      else deaths.suspect(name)
    }
  }

  /** A record that kills even a worker of its own is given up. */
  #afterDeath(record: RecordPlan, verdict: Verdict, isQuarantined: boolean): Verdict {
    if (!isQuarantined || verdict.kind !== 'again' || verdict.isDeath !== true) return verdict
    const count = this.#options.deaths.count(record.name) + 1
    const { errorMessage } = verdict.error
    const text = `the record has killed ${count} workers, the last one of them alone: ${errorMessage}`
    return { kind: 'never', error: lambdaError(ErrorType.WorkerCrashed, text) }
  }

  async #runJob(
    work: Work,
    id: string,
    run: (job: Job, options: RunOptions) => Promise<Verdict>,
  ): Promise<Verdict> {
    // Begun too late: the rest of a batch after the deadline, or after the order to answer.
    // Also when a busy event loop has held up the timer that should have said so.
    const { clock } = this.#options
    if (this.#endMs !== undefined && clock.nowMs() >= this.#endMs) this.#interrupt(this.#late())
    if (this.#why !== undefined) return this.#why
    const options = this.#endMs === undefined ? {} : { deadlineMs: this.#endMs }
    const { context, body, codec } = work
    try {
      return await run({ context, body, codec, id, ...this.#tags }, options)
    } catch (error) {
      const isDeath = hasCode(error, ErrorCode.WorkerCrashed)
      return { kind: 'again', error: toLambdaError(error), ...(isDeath ? { isDeath } : {}) }
    }
  }

  #jobId(records: readonly RecordPlan[]): string {
    const [first] = records
    const more = records.length > 1 ? `+${records.length - 1}` : ''
    return `${this.#invocation.requestId}/${first?.name}${more}`
  }

  #noWorker(error: unknown): Verdict {
    this.#reason ??= ErrorType.NoWorkers
    const why = this.#why
    if (why === undefined) return { kind: 'again', error: toLambdaError(error) }
    const isLate = why.kind !== 'done' && why.error.errorType === ErrorType.WorkerTimeout
    if (!isLate) return why
    const { name, size, liveCount } = this.#options.pool
    const text = `no worker of pool "${name}" became free within ${Math.round(this.#givenMs)} ms: ${liveCount} of ${size} are ready or at work`
    return { kind: 'again', error: lambdaError(ErrorType.NoWorkers, text) }
  }

  #report(record: RecordPlan, verdict: Verdict): void {
    const { log, givenUp } = this.#options
    reportRecord(log, {
      tags: this.#tags,
      job: this.#jobId([record]),
      record,
      verdict,
      policy: givenUp.policy,
    })
  }
}

/** For a job that could not be made. */
function giveBack(lease: Lease | undefined): (error: unknown) => never {
  return (error) => {
    lease?.release()
    throw error
  }
}
