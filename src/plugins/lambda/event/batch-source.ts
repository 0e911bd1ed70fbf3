/**
 * The records of one batch event as the source of a dispatcher: settling collects what Lambda is told of each record, and sees to
 * those for which no further try will help.
 */
import type { FailedRecord } from '../../../index.js'
import type { SettledSource, SettleFaults } from '../../../work/settler.js'
import { FaultKind, type Verdict } from '../../../work/verdict.js'
import { type Answer, answerBatch, type RecordVerdict } from '../answer/answer.js'
import { toLambdaError } from '../errors.js'
import { reportHeldBack, reportRecord } from '../failures/report.js'
import type { EventWaits } from '../failures/retry-waits.js'
import { jobIdOf } from '../modes/record-job.js'
import type { ContextMaker } from '../plan/context.js'
import type { RecordDelivery } from '../plan/record-delivery.js'
import type { EventPlan } from '../plan/split.js'
import type { EventRun } from './event-run.js'

/** A plan of records. */
export type BatchPlan = EventPlan & { readonly kind: 'batch' }

interface SettledRecord {
  readonly delivery: RecordDelivery
  readonly verdict: Verdict
}

/** One batch. */
export class BatchSource implements SettledSource {
  readonly #run: EventRun
  readonly #plan: BatchPlan
  readonly #contexts: ContextMaker
  /** By the record's place; undefined until it is known. */
  readonly #verdicts: (RecordVerdict | undefined)[]
  /** The last record of each lane that comes again. */
  readonly #failedOfLane = new Map<string, RecordDelivery>()
  /** Waits that workers asked for; undefined until the first. */
  #waits: EventWaits | undefined

  readonly #startedMs: number

  constructor(run: EventRun, plan: BatchPlan, contexts: ContextMaker) {
    this.#startedMs = run.options.clock.monotonicMs()
    this.#contexts = contexts
    this.#run = run
    this.#plan = plan
    this.#verdicts = plan.records.map(() => undefined)
  }

  /** Takes verdicts; a fault means that the record is delivered again. */
  settle(settled: readonly SettledRecord[]): SettleFaults | Promise<SettleFaults> {
    const { givenUp } = this.#run.options
    const items =
      givenUp.policy === 'worker'
        ? settled.map(({ delivery, verdict }) => ({
            delivery,
            verdict: givenUp.lastVerdict(verdict, delivery.attempt),
          }))
        : settled
    if (items.some(({ verdict }) => verdict.kind === 'fail'))
      return Promise.all(items.map((item) => this.#settleOne(item)))
    return items.map(({ delivery, verdict }) => this.#judge(delivery, verdict))
  }

  /** Takes records that were not run because an earlier one of their lane comes again. */
  release(deliveries: readonly RecordDelivery[]): undefined {
    const [first] = deliveries
    const failed = this.#failedOfLane.get(first?.lane ?? '')
    for (const { index } of deliveries) this.#verdicts[index] = unrun(failed?.index ?? index)
    if (failed === undefined) return
    const { tags, options } = this.#run
    reportHeldBack(options.log, tags, { records: deliveries.length, behind: this.#jobId(failed) })
  }

  /** The calls for waits that workers asked for; undefined where there are none. */
  waits(): Promise<void> | undefined {
    const { endMs, options } = this.#run
    const leftMs = endMs === undefined ? Number.POSITIVE_INFINITY : endMs - options.clock.nowMs()
    return this.#waits?.settled(leftMs)
  }

  /** The answer: what has no verdict yet has failed. */
  answer(): Answer {
    const { givenUp, hasPartialFailures } = this.#run.options
    const { records, isPartial } = this.#plan
    const verdicts = this.#verdicts.map((verdict) => verdict ?? this.#run.unfinished)
    this.#tellEnd(verdicts)
    return answerBatch({
      records,
      verdicts,
      isFailed: (verdict) => givenUp.isFailed(verdict),
      isPartial: isPartial && hasPartialFailures,
    })
  }

  #tellEnd(verdicts: readonly RecordVerdict[]): void {
    const { invocation, options } = this.#run
    if (options.onBatch === undefined) return
    const failed = verdicts.flatMap((verdict, at): FailedRecord[] => {
      if (verdict.kind === 'done' || !options.givenUp.isFailed(verdict)) return []
      const { errorType, errorMessage } = toLambdaError(verdict.why)
      return [{ record: at + 1, errorType, errorMessage }]
    })
    const tookMs = Math.round(options.clock.monotonicMs() - this.#startedMs)
    options.onBatch({ requestId: invocation.requestId, recordCount: verdicts.length, tookMs, failed })
  }

  #settleOne({ delivery, verdict }: SettledRecord): Error | undefined | Promise<Error | undefined> {
    if (verdict.kind === 'fail') return this.#giveUp(delivery, verdict)
    return this.#judge(delivery, verdict)
  }

  async #giveUp(delivery: RecordDelivery, verdict: RecordVerdict): Promise<Error | undefined> {
    const { invocation, tags, endMs, options } = this.#run
    const job = this.#jobId(delivery)
    const settled = { verdict, record: delivery.plan, invocation, tags, job, endMs, contexts: this.#contexts }
    return this.#judge(delivery, await options.givenUp.settle(settled))
  }

  #judge(delivery: RecordDelivery, verdict: RecordVerdict): Error | undefined {
    const { tags, options } = this.#run
    const { givenUp, log } = options
    this.#verdicts[delivery.index] = verdict
    if (verdict.kind === 'done' && verdict.warning === undefined) return undefined
    const job = this.#jobId(delivery)
    reportRecord(log, { tags, job, record: delivery.plan, verdict, policy: givenUp.policy })
    if (verdict.kind === 'done' || !givenUp.isFailed(verdict)) return undefined
    if (delivery.lane !== undefined) this.#failedOfLane.set(delivery.lane, delivery)
    if (verdict.kind === 'retry' && verdict.afterMs !== undefined) this.#grant(delivery, verdict.afterMs)
    return new Error(verdict.why.message)
  }

  #grant(delivery: RecordDelivery, afterMs: number): void {
    this.#waits ??= this.#run.options.retryWaits?.begin()
    this.#waits?.grant(delivery.plan.rest, afterMs)
  }

  #jobId(delivery: RecordDelivery): string {
    return jobIdOf(this.#run.invocation.requestId, [delivery])
  }
}

function unrun(failed: number): Verdict {
  const message = `held back: record ${failed + 1} of the batch, which comes before it in its group, failed`
  return { kind: 'retry', why: { kind: FaultKind.jobFailed, message } }
}
