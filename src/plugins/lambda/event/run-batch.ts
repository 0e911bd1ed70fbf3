/** A batch event: its records become deliveries for a dispatcher, and their verdicts one answer. */
import { Dispatcher } from '../../../work/dispatcher.js'
import type { Answer } from '../answer/answer.js'
import type { EventFacts } from '../modes/mode.js'
import { deliveriesOf } from '../plan/record-delivery.js'
import { type BatchPlan, BatchSource } from './batch-source.js'
import type { EventRun } from './event-run.js'

/** Runs its records and makes its answer. */
export async function runBatch(run: EventRun, plan: BatchPlan, event: EventFacts): Promise<Answer> {
  const { pool, recordsPerJob, poison, mode, log, prefetch, tracing } = run.options
  const source = new BatchSource(run, plan, event.contexts)
  const work = { protocol: mode.protocol(event), source }
  const dispatcher = new Dispatcher({
    pool,
    ...(tracing?.ofRecords(work, { source: plan.source, within: run.trace }) ?? work),
    poison,
    log,
    perJob: recordsPerJob,
    limits: () => run.limits(),
    noWorker: (error) => run.noWorker(error),
    signal: () => run.signal,
    ...(prefetch === undefined ? {} : { prefetch }),
  })
  run.answerOfFinished = () => {
    dispatcher.settleNow()
    return source.answer()
  }
  dispatcher.offer(deliveriesOf(plan))
  await dispatcher.finished()
  const waits = source.waits()
  if (waits !== undefined) await waits
  return source.answer()
}
