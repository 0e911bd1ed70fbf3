/**
 * Reads a function's answer to a batch as an event-source mapping does: which messages it may delete. As AWS documents it
 * for SQS: any other answer is a failure of the whole batch. Pure.
 */

/** End of an invocation. */
export type Invoked =
  | { readonly kind: 'result'; readonly body: Uint8Array }
  | { readonly kind: 'error'; readonly body: Uint8Array }
  /** Not run: the emulator has stopped. */
  | { readonly kind: 'unrun' }

/** The ids that failed, and why all of them did when that is so. */
export interface BatchOutcome {
  readonly failed: ReadonlySet<string>
  readonly problem?: string
  /** Number of messages that the answer names although the mapping ignores the list. */
  readonly ignoredCount?: number
}

const noFailures: BatchOutcome = { failed: new Set() }

/** Reads the answer. Without `reportsFailures` (the mapping's ReportBatchItemFailures) a list in it is ignored. */
export function readBatchAnswer(
  answer: Exclude<Invoked, { kind: 'unrun' }>,
  ids: readonly string[],
  reportsFailures: boolean,
): BatchOutcome {
  if (answer.kind === 'error') return { failed: new Set(ids), problem: 'the function failed' }
  const outcome = readResult(answer.body, ids)
  if (reportsFailures) return outcome
  return outcome.problem === undefined ? { ...noFailures, ignoredCount: outcome.failed.size } : noFailures
}

function readResult(body: Uint8Array, ids: readonly string[]): BatchOutcome {
  const whole = (problem: string): BatchOutcome => ({ failed: new Set(ids), problem })
  const text = Buffer.from(body).toString('utf8').trim()
  if (text === '') return noFailures
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return whole('the answer is not JSON')
  }
  if (value === null) return noFailures
  if (typeof value !== 'object' || Array.isArray(value)) return whole('the answer is not an object')
  const list = 'batchItemFailures' in value ? value.batchItemFailures : null
  if (list === null) return noFailures
  if (!Array.isArray(list)) return whole('batchItemFailures is not a list')
  const known = new Set(ids)
  const failed = new Set<string>()
  for (const item of list) {
    const id: unknown = typeof item === 'object' && item !== null ? item.itemIdentifier : undefined
    if (typeof id !== 'string' || !known.has(id))
      return whole(`${JSON.stringify(id) ?? 'an item without itemIdentifier'} is not a message of the batch`)
    failed.add(id)
  }
  return { failed }
}
