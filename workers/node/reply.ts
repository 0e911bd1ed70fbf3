/** A reply with a context of its own, for protocols that have one: HTTP's status and headers. Return it. */

// Another copy of this package may have made it.
const brand = Symbol.for('relayrunner.reply')

/** A body and the context in front of it. */
export class Reply {
  readonly [brand] = true
  readonly body: unknown
  readonly context: Readonly<Record<string, unknown>>

  constructor(body: unknown, context: Readonly<Record<string, unknown>>) {
    this.body = body
    this.context = context
  }

  /** Returns the same reply, after which the worker is replaced. */
  thenLeave(): Reply {
    return new Reply(this.body, { ...this.context, leave: true })
  }
}

/** The body goes as any result does: bytes and texts as they are, anything else as JSON. */
export function reply(body: unknown, context: Readonly<Record<string, unknown>> = {}): Reply {
  return new Reply(body, context)
}

/** Tells whether a result is a `Reply`. */
export function isReply(result: unknown): result is Reply {
  return typeof result === 'object' && result !== null && brand in result
}
