/**
 * Ends of batches for people who develop: one line of the log each, and the reasons of failed records as a header of the invocation's answer,
 * which `rr invoke` prints. Lambda's own answer only names the records.
 */
import type { BatchEnd, FailedRecord, Logger } from '../../../index.js'

/** Header with the reasons: a JSON list in base64. */
const failuresHeader = 'X-RelayRunner-Failures'

// A client takes 16 KB of headers.
const reasonsMax = 20
const reasonCharactersMax = 160
// An event of a queue has no caller that takes its header.
const keptMax = 100
const shownMax = 3

/** Batches that ended and were not asked for yet. */
export class BatchEnds {
  readonly #log: Logger
  readonly #headers = new Map<string, string>()

  constructor(log: Logger) {
    this.#log = log
  }

  add({ requestId, recordCount, tookMs, failed }: BatchEnd): void {
    const records = `${recordCount} record${recordCount === 1 ? '' : 's'}`
    if (failed.length === 0) this.#log.info({ job: requestId }, `${records} done in ${tookMs} ms`)
    else {
      const what = `${failed.length} of ${records} failed in ${tookMs} ms: ${reasonsText(failed)}`
      this.#log.warn({ job: requestId }, what)
    }
    const [oldest] = this.#headers.keys()
    if (this.#headers.size >= keptMax && oldest !== undefined) this.#headers.delete(oldest)
    const reasons = failed
      .slice(0, reasonsMax)
      .map((one) => ({ ...one, errorMessage: one.errorMessage.slice(0, reasonCharactersMax) }))
    if (failed.length > 0)
      this.#headers.set(requestId, Buffer.from(JSON.stringify(reasons)).toString('base64'))
  }

  /** Returns the header of an invocation's answer; the next call for it returns none. */
  take(requestId: string): Readonly<Record<string, string>> {
    const value = this.#headers.get(requestId)
    this.#headers.delete(requestId)
    return value === undefined ? {} : { [failuresHeader]: value }
  }
}

/** Names records by their places, those that failed for the same reason together. */
function reasonsText(failed: readonly FailedRecord[]): string {
  const byReason = new Map<string, number[]>()
  for (const { record, errorType, errorMessage } of failed) {
    const type = errorType.startsWith('RR.') ? errorType.slice(3).toLowerCase() : errorType
    const reason = `${type} ${JSON.stringify(errorMessage.slice(0, reasonCharactersMax))}`
    byReason.set(reason, [...(byReason.get(reason) ?? []), record])
  }
  const all = [...byReason].map(([reason, records]) => `record ${records.join(', ')}: ${reason}`)
  const more = all.length - shownMax
  return [...all.slice(0, shownMax), ...(more > 0 ? [`${more} more reasons`] : [])].join('; ')
}

/** Reads the header; an empty list when it is not one of ours. */
export function readFailureReasons(header: unknown): readonly FailedRecord[] {
  if (typeof header !== 'string') return []
  try {
    const list: unknown = JSON.parse(Buffer.from(header, 'base64').toString('utf8'))
    return Array.isArray(list) ? list.flatMap(readFailure) : []
  } catch {
    // Not ours: the answer itself names the records.
    return []
  }
}

function readFailure(one: unknown): readonly FailedRecord[] {
  if (typeof one !== 'object' || one === null || !('record' in one)) return []
  const {
    record,
    errorType,
    errorMessage,
  }: { record: unknown; errorType?: unknown; errorMessage?: unknown } = one
  if (typeof record !== 'number') return []
  return [{ record, errorType: String(errorType ?? ''), errorMessage: String(errorMessage ?? '') }]
}
