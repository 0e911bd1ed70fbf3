/** Verdicts → what is posted for the event. Pure. */

import type { Verdict } from '../../../work/verdict.js'
import { ErrorType, type LambdaError, lambdaError, toLambdaError } from '../errors.js'
import type { RecordPlan } from '../plan/record.js'

/** A result or an error; exactly one of them for every event. A stream is a result, or an error behind a part of one. */
export type Answer =
  | { readonly kind: 'result'; readonly body: Uint8Array | string }
  | { readonly kind: 'error'; readonly error: LambdaError }
  /** Answer that was already sent piece by piece. */
  | { readonly kind: 'streamed' }

/** Lambda takes 6 MiB and 100 bytes; one more and it answers 413, after which nothing else is taken for the event. */
export const resultBytesMax = 6 * 1024 * 1024 + 100

/** The answer to an event that was one job. */
export function answerEvent(verdict: Verdict): Answer {
  if (verdict.kind !== 'done') return { kind: 'error', error: toLambdaError(verdict.why) }
  const { body } = verdict
  if (body.length > resultBytesMax) {
    const text = `the result has ${body.length} bytes; Lambda takes ${resultBytesMax}`
    return { kind: 'error', error: lambdaError(ErrorType.PayloadTooLarge, text) }
  }
  // The caller of a function gets JSON; nothing is said by `null`.
  return { kind: 'result', body: body.length === 0 ? 'null' : body }
}

/** Verdict on a record; `isKept`: the log or another queue has taken it, so that it may be acknowledged. */
export type RecordVerdict = Verdict & { readonly isKept?: boolean }

/** A batch whose records all have their verdict. */
export interface JudgedBatch {
  readonly records: readonly RecordPlan[]
  readonly verdicts: readonly RecordVerdict[]
  readonly isFailed: (verdict: RecordVerdict) => boolean
  /** False: one failure is the whole batch's. */
  readonly isPartial: boolean
}

/** The answer to a batch: the failed records by name, in the batch's order. */
export function answerBatch({ records, verdicts, isFailed, isPartial }: JudgedBatch): Answer {
  const failed = records.filter((_, index) => isFailed(verdictAt(verdicts, index)))
  if (failed.length > 0 && !isPartial) {
    const first = verdicts.find(isFailed)
    if (first !== undefined && first.kind !== 'done')
      return { kind: 'error', error: toLambdaError(first.why) }
  }
  const names = failed.map(({ identifier, identifierText }) => identifierText ?? JSON.stringify(identifier))
  const list = names.map((name) => `{"itemIdentifier":${name}}`).join(',')
  return { kind: 'result', body: `{"batchItemFailures":[${list}]}` }
}

function verdictAt(verdicts: readonly RecordVerdict[], index: number): RecordVerdict {
  const verdict = verdicts[index]
  if (verdict === undefined) throw new Error('bug in relayrunner: a record without a verdict')
  return verdict
}
