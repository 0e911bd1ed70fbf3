/** A plain request as texts, for what is not on the way of every request. */
import type { PlainHead } from './plain-head.js'

/** Facts about a request, for the log. */
export interface PlainRequest {
  readonly method: string
  readonly target: string
  /** Value of a header; `name` in lower case. */
  header(name: string): string
}

/** Facts for the log; made when it is written, as the bytes stay. */
export function plainRequest(
  bytes: Buffer,
  { methodStart, methodEnd, targetStart, targetEnd, hostStart, hostEnd, end }: PlainHead,
): PlainRequest {
  return {
    get method() {
      return bytes.toString('latin1', methodStart, methodEnd)
    },
    get target() {
      return bytes.toString('latin1', targetStart, targetEnd)
    },
    header: (name) => {
      if (name === 'host') return bytes.toString('latin1', hostStart, hostEnd)
      return (
        new RegExp(`\\r\\n${name}:[ \\t]*([^\\r]*)`, 'i')
          .exec(bytes.toString('latin1', targetEnd, end))?.[1]
          ?.trimEnd() ?? ''
      )
    },
  }
}
