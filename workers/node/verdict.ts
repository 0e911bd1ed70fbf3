/** Verdicts beside "done": retry, fail, or stop this worker. A handler returns or throws one. */

// Another copy of this package may have made it.
const brand = Symbol.for('relayrunner.verdict')

/** A handler's verdict on its job. */
export class Verdict extends Error {
  readonly [brand] = true
  override readonly name = 'Verdict'
  readonly outcome: Readonly<Record<string, unknown>>

  constructor(outcome: Readonly<Record<string, unknown>>, message: string) {
    super(message)
    this.outcome = outcome
  }

  /** Returns the same verdict, after which the worker is replaced. */
  thenLeave(): Verdict {
    return new Verdict({ ...this.outcome, leave: true }, this.message)
  }
}

/** Makes the verdict that the job is to be delivered again; not before `afterMs`, where the server owns the queue. */
export function retry(
  reason = 'the handler asked for another try',
  options: { readonly afterMs?: number } = {},
): Verdict {
  const after = options.afterMs === undefined ? {} : { after_ms: options.afterMs }
  return new Verdict({ outcome: 'retry', reason, ...after }, reason)
}

/** Makes the verdict that no further try will help: `lambda.failed` decides what becomes of the record. */
export function fail(reason: string): Verdict {
  return new Verdict({ outcome: 'fail', reason }, reason)
}

/** Makes this worker leave instead of answering; the job goes to another one. */
export function stop(): Verdict {
  return new Verdict({ stop: true }, 'the worker asked to leave')
}

/** Tells whether a value that a handler returned or threw is a verdict. */
export function isVerdict(value: unknown): value is Verdict {
  try {
    return typeof value === 'object' && value !== null && brand in value
  } catch {
    // Thrown things may be proxies that answer nothing.
    return false
  }
}
