/** A reply with a context of its own, for protocols that have one: HTTP's status and headers. Return it. */

/** A body and the context in front of it. */
export class Reply {
  readonly body: unknown
  readonly context: Readonly<Record<string, unknown>>

  constructor(body: unknown, context: Readonly<Record<string, unknown>>) {
    this.body = body
    this.context = context
  }
}

/** The body goes as any result does: bytes and texts as they are, anything else as JSON. */
export function reply(body: unknown, context: Readonly<Record<string, unknown>>): Reply {
  return new Reply(body, context)
}
