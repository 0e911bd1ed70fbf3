/** One event from its bytes to its answer. Never rejects: whatever happens, there is an answer. */

import { deferred } from '../../../index.js'
import { type Answer, answerEvent } from '../answer/answer.js'
import { toLambdaError } from '../errors.js'
import { ContextMaker } from '../plan/context.js'
import { planEvent } from '../plan/split.js'
import type { Invocation } from '../runtime-api/client.js'
import { type HandlerOptions, Handling } from './handling.js'
import { BatchRun } from './run-batch.js'
import { runEvent } from './run-event.js'

/** An event that is being handled; it can be told to answer with what is finished. */
export class EventRun {
  readonly #answer = deferred<Answer>()
  readonly answer = this.#answer.promise
  readonly #handling: Handling

  constructor(invocation: Invocation, options: HandlerOptions) {
    this.#handling = new Handling(invocation, options)
    const endWatch = this.#handling.watchEnd()
    void this.#run().then((answer) => {
      endWatch()
      this.#answer.resolve(answer)
    })
  }

  /** Why it may have been answered without a worker; undefined when a worker did it all. */
  get reason(): string | undefined {
    return this.#handling.reason
  }

  /** Answers now: what is finished counts, the rest is failed with RR.Stopped. Running jobs are not waited for. */
  answerNow(): void {
    const answer = this.#handling.answerNow()
    if (answer !== undefined) this.#answer.resolve(answer)
  }

  async #run(): Promise<Answer> {
    const { invocation, options } = this.#handling
    const plan = planEvent(invocation.body, options.split)
    const shared = plan.kind === 'batch' ? plan.shared : ''
    const contexts = new ContextMaker(invocation, options.facts, plan.source, shared)
    const event = { invocation, source: plan.source, contexts }
    try {
      return plan.kind === 'event'
        ? await runEvent(this.#handling, event)
        : await new BatchRun(this.#handling, plan, event).run()
    } catch (error) {
      // Nothing that a worker or an event can do leads here; and still the event gets its answer.
      const { requestId } = invocation
      options.log.error({ requestId, error }, 'an event could not be handled')
      return answerEvent({ kind: 'again', error: toLambdaError(error) })
    }
  }
}
