/** What a handler may say beside "done": try again, never again, or let me go. Return it or throw it. */

/** A handler's word on its job. */
export class Verdict extends Error {
  override readonly name = 'Verdict'
  readonly outcome: Readonly<Record<string, unknown>>

  constructor(outcome: Readonly<Record<string, unknown>>, message: string) {
    super(message)
    this.outcome = outcome
  }
}

/** The job comes again; not before `afterMs`, where the server owns the queue. */
export function retry(
  reason = 'the handler asked for another try',
  options: { readonly afterMs?: number } = {},
): Verdict {
  const after = options.afterMs === undefined ? {} : { after_ms: options.afterMs }
  return new Verdict({ outcome: 'retry', reason, ...after }, reason)
}

/** No further try will help: the record is left to `lambda.failed`. */
export function fail(reason: string): Verdict {
  return new Verdict({ outcome: 'fail', reason }, reason)
}

/** This worker leaves instead of answering; the job goes to another one. */
export function stop(): Verdict {
  return new Verdict({ stop: true }, 'the worker asked to leave')
}
