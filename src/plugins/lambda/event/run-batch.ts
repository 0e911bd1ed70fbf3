/** A batch event: its records become jobs on lanes, and their verdicts one answer. */
import type { Lease } from '../../../index.js'
import { type Answer, answerBatch } from '../answer/answer.js'
import type { Verdict } from '../answer/verdict.js'
import { ErrorType, lambdaError } from '../errors.js'
import { reportHeldBack, reportRecord } from '../failures/report.js'
import type { EventFacts, Work } from '../modes/mode.js'
import type { RecordPlan } from '../plan/record.js'
import type { EventPlan } from '../plan/split.js'
import { type EventRun, failedRun } from './event-run.js'
import { runLanes, toJobLanes } from './run-lanes.js'

/** A plan of records. */
export type BatchPlan = EventPlan & { readonly kind: 'batch' }

const neverAgain: Verdict = {
  kind: 'never',
  error: lambdaError(ErrorType.WorkerCrashed, 'the record killed its workers before, and is not run again'),
}

/** The batch of one event. */
export class BatchRun {
  readonly #run: EventRun
  readonly #plan: BatchPlan
  readonly #event: EventFacts
  /** By the record's place; undefined until it is known. */
  readonly #verdicts: (Verdict | undefined)[]
  /** The job that was made while its lane waited for a worker. */
  #prepared: { readonly indexes: readonly number[]; readonly work: Work } | undefined

  constructor(run: EventRun, plan: BatchPlan, event: EventFacts) {
    this.#run = run
    this.#plan = plan
    this.#event = event
    this.#verdicts = plan.records.map(() => undefined)
  }

  /** Runs its records and makes its answer. */
  async run(): Promise<Answer> {
    const run = this.#run
    const { pool, recordsPerJob, deaths, givenUp } = run.options
    const { records, lanes } = this.#plan
    run.answerOfFinished = () => this.#collect()
    const isSuspect = (index: number) => deaths.isSuspect(records[index]?.name ?? '')
    await runLanes({
      pool,
      lanes: toJobLanes(lanes, recordsPerJob, isSuspect),
      prepare: (indexes) => {
        if (this.#prepared?.indexes !== indexes) this.#prepared = { indexes, work: this.#workOf(indexes) }
      },
      isFailed: (verdict) => givenUp.isFailed(verdict),
      signal: run.signal,
      onNoWorker: (error) => run.noWorker(error),
      onVerdict: (index, verdict, isHeldBack) => this.#onVerdict(index, verdict, isHeldBack),
      onHeldBack: (count, failed) => this.#onHeldBack(count, failed),
      runJob: (indexes, lease) => this.#runRecords(this.#recordsAt(indexes), this.#workOf(indexes), lease),
    })
    return this.#collect()
  }

  #recordsAt(indexes: readonly number[]): readonly RecordPlan[] {
    return indexes.flatMap((index) => this.#plan.records[index] ?? [])
  }

  #workOf(indexes: readonly number[]): Work {
    if (this.#prepared?.indexes === indexes) return this.#prepared.work
    return this.#run.options.mode.recordsWork(this.#event, this.#recordsAt(indexes))
  }

  /** Of what is finished; the rest failed. */
  #collect(): Answer {
    const { givenUp, hasPartialFailures } = this.#run.options
    const { records, isPartial } = this.#plan
    return answerBatch({
      records,
      verdicts: this.#verdicts.map((verdict) => verdict ?? this.#run.unfinished),
      isFailed: (verdict) => givenUp.isFailed(verdict),
      isPartial: isPartial && hasPartialFailures,
    })
  }

  #onHeldBack(count: number, failed: number): void {
    const { tags, options } = this.#run
    const behind = this.#jobId(this.#recordsAt([failed]))
    reportHeldBack(options.log, tags, { records: count, behind })
  }

  #onVerdict(index: number, verdict: Verdict, isHeldBack: boolean): void {
    this.#verdicts[index] = verdict
    if (isHeldBack) return
    if (verdict.kind === 'done' && verdict.warning === undefined) return
    const record = this.#plan.records[index]
    if (record === undefined) return
    const { tags, options } = this.#run
    const { policy } = options.givenUp
    reportRecord(options.log, { tags, job: this.#jobId([record]), record, verdict, policy })
  }

  /** One job of a batch: on the lane's worker, or, when the record has killed workers before, on one of its own. */
  async #runRecords(records: readonly RecordPlan[], work: Work, lease: Lease): Promise<readonly Verdict[]> {
    const { options } = this.#run
    const { pool, mode, deaths } = options
    const [first] = records
    if (first === undefined) return []
    if (records.length === 1 && deaths.isGivenUp(first.name)) return this.#settle([neverAgain], records)
    const isQuarantined = records.length === 1 && deaths.isQuarantined(first.name)
    const made = this.#run.jobOf(work, this.#jobId(records))
    if ('kind' in made) return records.map(() => made)
    const { job, options: limits } = made
    let verdicts: readonly Verdict[]
    try {
      const reply = isQuarantined ? await pool.runAlone(job, limits) : await lease.run(job, limits)
      verdicts = mode.readRecords(reply, records)
      for (const { name } of records) deaths.forget(name)
    } catch (error) {
      const failure = failedRun(error)
      verdicts = records.map(() => this.#afterDeath(first, failure, isQuarantined))
      if (failure.kind === 'again' && failure.isDeath === true) {
        if (isQuarantined) deaths.giveUp(first.name)
        else this.#countDeath(records)
      }
    }
    return this.#settle(verdicts, records)
  }

  /** Sees to those of them that no further try will help. */
  #settle(verdicts: readonly Verdict[], records: readonly RecordPlan[]): Promise<readonly Verdict[]> {
    const { invocation, tags, endMs, options } = this.#run
    if (!verdicts.some((one) => one.kind === 'never')) return Promise.resolve(verdicts)
    const settle = (verdict: Verdict, record: RecordPlan) =>
      options.givenUp.settle({ verdict, record, invocation, tags, job: this.#jobId([record]), endMs })
    const settled = verdicts.flatMap((verdict, at) => {
      const record = records[at]
      return record === undefined ? [] : settle(verdict, record)
    })
    return Promise.all(settled)
  }

  /** Of several records nobody knows which it was: each will run alone, and may still be innocent. */
  #countDeath(records: readonly RecordPlan[]): void {
    const { deaths } = this.#run.options
    for (const { name } of records) {
      if (records.length === 1) deaths.add(name)
      else deaths.suspect(name)
    }
  }

  /** A record that kills even a worker of its own is given up. */
  #afterDeath(record: RecordPlan, verdict: Verdict, isQuarantined: boolean): Verdict {
    if (!isQuarantined || verdict.kind !== 'again' || verdict.isDeath !== true) return verdict
    const count = this.#run.options.deaths.count(record.name) + 1
    const { errorMessage } = verdict.error
    const text = `the record has killed ${count} workers, the last one of them alone: ${errorMessage}`
    return { kind: 'never', error: lambdaError(ErrorType.WorkerCrashed, text) }
  }

  #jobId(records: readonly RecordPlan[]): string {
    const [first] = records
    const more = records.length > 1 ? `+${records.length - 1}` : ''
    return `${this.#run.invocation.requestId}/${first?.name}${more}`
  }
}
