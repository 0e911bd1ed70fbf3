/** What a worker's reply means for its event or record. Pure. */
import type { Reply } from '../../../index.js'
import { ErrorType, type LambdaError, lambdaError } from '../errors.js'

/**
 * `done`: acknowledged, or the event's result; `warning` is for the log. `again`: failed, it comes again. `never`: the worker says that no further try
 * will help; what becomes of it is `lambda.failed`'s business.
 */
export type Verdict =
  | { readonly kind: 'done'; readonly body: Uint8Array; readonly warning?: string }
  | {
      readonly kind: 'again'
      readonly error: LambdaError
      readonly afterMs?: number
      /** Its worker died of it. */
      readonly isDeath?: boolean
    }
  | {
      readonly kind: 'never'
      readonly error: LambdaError
      /** Somebody else has taken it, or the log has: it may be acknowledged. */
      readonly isKept?: boolean
    }

const outcomeKey = Buffer.from('outcome')

/** Reads a reply: an empty context, or one without `outcome`, means done. */
export function readVerdict({ context, body }: Reply): Verdict {
  const done: Verdict = { kind: 'done', body }
  if (context.length === 0) return done
  const bytes = Buffer.from(context.buffer, context.byteOffset, context.length)
  if (!bytes.includes(outcomeKey)) return done
  const parsed = parse(bytes)
  if (typeof parsed !== 'object' || parsed === null || !('outcome' in parsed)) return done
  switch (parsed.outcome) {
    case 'done':
      return done
    case 'retry': {
      const afterMs =
        'after_ms' in parsed && typeof parsed.after_ms === 'number' ? parsed.after_ms : undefined
      const error = lambdaError(ErrorType.Retry, reasonOf(parsed) ?? 'the worker asked for another try')
      return { kind: 'again', error, ...(afterMs === undefined ? {} : { afterMs }) }
    }
    case 'fail':
      return { kind: 'never', error: lambdaError(ErrorType.Failed, reasonOf(parsed) ?? 'the worker gave up') }
    default: {
      const text = `the worker answered with the outcome ${JSON.stringify(parsed.outcome)}; it must be done, retry or fail`
      return { kind: 'again', error: lambdaError(ErrorType.BadReply, text) }
    }
  }
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    // A context of the worker's own making: it says nothing about the outcome.
    return undefined
  }
}

function reasonOf(context: object): string | undefined {
  return 'reason' in context && typeof context.reason === 'string' && context.reason !== ''
    ? context.reason
    : undefined
}
