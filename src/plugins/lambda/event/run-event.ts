/** Runs an event: plans it, and has it run as one job or record by record. Never rejects: whatever happens, there is an answer. */
import { faultOfError } from '../../../work/fault.js'
import { answerEvent } from '../answer/answer.js'
import { ContextMaker } from '../plan/context.js'
import { planEvent } from '../plan/split.js'
import type { EventRun } from './event-run.js'
import { runBatch } from './run-batch.js'
import { runWhole } from './run-whole.js'

/** Runs the event; its answer is that of `run.ended`. */
export async function runEvent(run: EventRun): Promise<void> {
  const { invocation, options } = run
  try {
    const plan = planEvent(invocation.body, options.split)
    const { source } = plan
    if (plan.kind === 'event') {
      const contexts = new ContextMaker(invocation, options.facts, source)
      await runWhole(run, { invocation, tags: run.tags, source, contexts })
      return
    }
    const contexts = new ContextMaker(invocation, options.facts, source, plan.shared)
    run.end(await runBatch(run, plan, { invocation, tags: run.tags, source, contexts }))
  } catch (error) {
    // Nothing that a worker or an event can do leads here; and still the event gets its answer.
    const { requestId } = invocation
    options.log.error({ requestId, error }, 'an event could not be handled')
    run.end(answerEvent({ kind: 'retry', why: faultOfError(error) }))
  }
}
