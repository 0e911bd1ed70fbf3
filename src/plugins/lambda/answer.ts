/** Verdicts → what is posted for the event. Pure. */
import { ErrorType, type LambdaError, lambdaError } from './errors.js'
import type { RecordPlan } from './split.js'
import type { Verdict } from './verdict.js'

/** A result or an error; exactly one of them for every event. */
export type Answer =
  | { readonly kind: 'result'; readonly body: Uint8Array | string }
  | { readonly kind: 'error'; readonly error: LambdaError }

/** Lambda takes 6 MiB and 100 bytes; one more and it answers 413, after which nothing else is taken for the event. */
export const resultBytesMax = 6 * 1024 * 1024 + 100

/** The answer to an event that was one job. */
export function answerEvent(verdict: Verdict): Answer {
  if (verdict.kind !== 'done') return { kind: 'error', error: verdict.error }
  const { body } = verdict
  if (body.length > resultBytesMax) {
    const text = `the result has ${body.length} bytes; Lambda takes ${resultBytesMax}`
    return { kind: 'error', error: lambdaError(ErrorType.PayloadTooLarge, text) }
  }
  // The caller of a function gets JSON; nothing is said by `null`.
  return { kind: 'result', body: body.length === 0 ? 'null' : body }
}

/** The answer to a batch: the failed records by name, in the batch's order. */
export function answerBatch(
  records: readonly RecordPlan[],
  verdicts: readonly Verdict[],
  isFailed: (verdict: Verdict) => boolean,
  hasPartialFailures: boolean,
): Answer {
  const failed = records.filter((_, index) => isFailed(verdictAt(verdicts, index)))
  if (failed.length > 0 && !hasPartialFailures) {
    const first = verdicts.find(isFailed)
    if (first !== undefined && first.kind !== 'done') return { kind: 'error', error: first.error }
  }
  const batchItemFailures = failed.map(({ identifier }) => ({ itemIdentifier: identifier }))
  return { kind: 'result', body: JSON.stringify({ batchItemFailures }) }
}

function verdictAt(verdicts: readonly Verdict[], index: number): Verdict {
  const verdict = verdicts[index]
  if (verdict === undefined) throw new Error('bug in relayrunner: a record without a verdict')
  return verdict
}
