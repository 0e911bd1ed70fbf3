/** Runs an event: plans it, and has it run as one job or record by record. Never throws: whatever happens, there is an answer. */
import { ContextMaker } from '../plan/context.js'
import { planEvent } from '../plan/split.js'
import type { EventRun } from './event-run.js'
import { runBatch } from './run-batch.js'
import { runWhole } from './run-whole.js'

/** Runs the event, which ends with its answer. */
export function runEvent(run: EventRun): void {
  const { invocation, tags, options } = run
  try {
    const plan = planEvent(invocation.body, options.split)
    const { source } = plan
    if (plan.kind === 'event') {
      const contexts = new ContextMaker(invocation, options.facts, source)
      runWhole(run, { invocation, tags, source, contexts })
      return
    }
    const contexts = new ContextMaker(invocation, options.facts, source, plan.shared)
    runBatch(run, plan, { invocation, tags, source, contexts }).then(
      (answer) => run.end(answer),
      (error: unknown) => run.endWithError(error),
    )
  } catch (error) {
    run.endWithError(error)
  }
}
