/** The summary that `rr invoke` prints on standard error: how many records failed, which, why, and how long it took. Pure. */
import type { FailedRecord } from '../../src/plugins/index.js'
import { printable } from '../output.js'

/** An event and its answer. */
export interface InvokeFacts {
  readonly event: Buffer
  readonly answer: string
  readonly tookMs: number
  /** Reasons as the server tells them; empty where it tells none. */
  readonly reasons: readonly FailedRecord[]
}

/** Text of a summary, and whether records failed. */
export interface Summary {
  readonly lines: readonly string[]
  readonly hasFailures: boolean
}

const shownMax = 10
const bodyCharactersMax = 60

interface EventRecord {
  readonly id: string
  readonly body: string
}

/** Sums up the answer; an event that is not a batch takes one line. */
export function invokeSummary({ event, answer, tookMs, reasons }: InvokeFacts): Summary {
  const failed = failedIds(answer)
  const records = recordsOf(event)
  if (failed === undefined || records.length === 0)
    return { lines: [`answered in ${tookMs} ms`], hasFailures: false }
  if (failed.length === 0)
    return { lines: [`${count(records.length)} done in ${tookMs} ms`], hasFailures: false }
  const byRecord = new Map(reasons.map((one) => [one.record, one]))
  const rows = failed.slice(0, shownMax).map((id) => {
    const at = records.findIndex((record) => record.id === id)
    const record = records[at]
    if (record === undefined) return `    ${printable(id)}: not in the event`
    const name = `record ${at + 1} ${printable(record.body)}`.trimEnd()
    return `    ${name}${reasonText(byRecord.get(at + 1))}`
  })
  const more = failed.length - rows.length
  const head = `${failed.length} of ${count(records.length)} failed in ${tookMs} ms`
  return { lines: [head, ...rows, ...(more > 0 ? [`    and ${more} more`] : [])], hasFailures: true }
}

/** Why the whole event failed, in one line. */
export function failureText(answer: string, tookMs: number): string {
  const { errorType, errorMessage } = objectOf(answer)
  const why = typeof errorMessage === 'string' ? `: ${String(errorType ?? '')} ${errorMessage}` : ''
  return `the function failed in ${tookMs} ms${printable(why.replace(/\s+/g, ' '))}`
}

function reasonText(reason: FailedRecord | undefined): string {
  if (reason === undefined) return ''
  const { errorType, errorMessage } = reason
  const type = errorType.startsWith('RR.') ? errorType.slice(3).toLowerCase() : errorType
  return `: ${printable(type)} ${printable(JSON.stringify(errorMessage))}`
}

function count(records: number): string {
  return `${records} record${records === 1 ? '' : 's'}`
}

/** The identifiers that the answer names; undefined when it is not the answer of a batch. */
function failedIds(answer: string): readonly string[] | undefined {
  const { batchItemFailures } = objectOf(answer)
  if (!Array.isArray(batchItemFailures)) return undefined
  return batchItemFailures.map((one: unknown) => {
    const id = typeof one === 'object' && one !== null && 'itemIdentifier' in one ? one.itemIdentifier : one
    return typeof id === 'string' ? id : JSON.stringify(id)
  })
}

/** The records of an event of SQS, Kinesis or DynamoDB, by the identifiers that answers use. */
function recordsOf(event: Buffer): readonly EventRecord[] {
  const { Records } = objectOf(event.toString('utf8'))
  if (!Array.isArray(Records)) return []
  return Records.map((one: unknown) => {
    const record = fields(one)
    const stream = fields(record.kinesis ?? record.dynamodb)
    const id = record.messageId ?? stream.sequenceNumber ?? stream.SequenceNumber ?? ''
    const body = typeof record.body === 'string' ? record.body : ''
    return { id: String(id), body: shortened(body) }
  })
}

function shortened(text: string): string {
  return text.length > bodyCharactersMax ? `${text.slice(0, bodyCharactersMax)}…` : text
}

function objectOf(text: string): Readonly<Record<string, unknown>> {
  try {
    return fields(JSON.parse(text))
  } catch {
    // Not JSON: nothing to sum up.
    return {}
  }
}

function fields(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}
