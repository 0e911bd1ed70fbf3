/** Writes log lines about events and records that were not done. */
import type { LogFields, Logger } from '../../../index.js'
import { type Fault, FaultKind, type Verdict } from '../../../work/verdict.js'
import type { RecordVerdict } from '../answer/answer.js'
import { toLambdaError } from '../errors.js'
import type { EventTags } from '../modes/mode.js'
import type { RecordPlan } from '../plan/record.js'

/** `redrive`, `log`, `worker`, or the queue. */
export type GivenUpPolicy = 'redrive' | 'log' | 'worker' | { readonly url: string }

/** Logs an event that failed or was given up, and the warning of an answer. */
export function reportEvent(log: Logger, tags: EventTags, verdict: Verdict): void {
  const fields = { job: tags.requestId, ...tags }
  if (verdict.kind === 'done') {
    if (verdict.warning !== undefined) log.warn(fields, verdict.warning)
    return
  }
  const what = { ...fields, ...errorFields(verdict) }
  if (verdict.kind === 'fail') log.warn(what, 'a worker gave up an event')
  else log[levelOf(verdict.why)](what, 'an event failed')
}

/** Level of a failure. A requested retry is not a fault, and a stop is not the job's fault; anything else needs attention. */
function levelOf({ kind }: Fault): 'info' | 'warn' | 'error' {
  if (kind === FaultKind.retry) return 'info'
  return kind === FaultKind.stopped ? 'warn' : 'error'
}

/** Names of the verdicts in the log. */
const wordOf = { retry: 'again', fail: 'never' } as const

/** Log fields of a failure: what failed, where, why, and with which verdict. */
function errorFields(verdict: Exclude<Verdict, { readonly kind: 'done' }>): LogFields {
  const { errorType, errorMessage, stackTrace, cause } = toLambdaError(verdict.why)
  return {
    errorType,
    errorMessage,
    ...(stackTrace.length === 0 ? {} : { stackTrace }),
    ...(cause === undefined ? {} : { cause }),
    verdict: wordOf[verdict.kind],
    ...waitOf(verdict),
  }
}

/** Returns the wait that a worker asked for; only the owner of the queue can grant it. */
function waitOf(verdict: Verdict): { readonly afterMs?: number } {
  return verdict.kind === 'retry' && verdict.afterMs !== undefined ? { afterMs: verdict.afterMs } : {}
}

/** A record with its verdict. */
export interface RecordReport {
  readonly tags: EventTags
  readonly job: string
  readonly record: RecordPlan
  readonly verdict: RecordVerdict
  readonly policy: GivenUpPolicy
}

/**
 * Makes the error line that holds a record which was given up, unchanged: bytes that are not text keep the source's base64.
 */
export function givenUpLine({ tags, job, record, verdict }: Omit<RecordReport, 'policy'>): {
  readonly fields: LogFields
  readonly message: string
} {
  const what = verdict.kind === 'done' ? {} : errorFields(verdict)
  const fields = { job, ...tags, ...what, record: { ...record.rest, ...record.whole } }
  return { fields, message: 'a worker gave up a record' }
}

/** Logs a record that was not done. Its content is logged in a line of its own, and only with `failed: log`. */
export function reportRecord(log: Logger, { tags, job, verdict, policy }: RecordReport): void {
  if (verdict.kind === 'done') {
    if (verdict.warning !== undefined) log.warn({ job, ...tags }, verdict.warning)
    return
  }
  const fields = { job, ...tags, ...errorFields(verdict) }
  if (verdict.kind === 'retry') {
    log[levelOf(verdict.why)](fields, 'a record failed and will be delivered again')
  } else if (policy === 'redrive') {
    log.warn(fields, 'a worker gave up a record: it is left to the queue’s redrive policy')
  } else if (policy === 'worker') {
    if (verdict.isKept === true) log.warn(fields, 'a record was given up, and a worker has settled it')
    else log.warn(fields, 'a record was given up: it is left to the queue’s redrive policy')
  } else if (policy === 'log') {
    // The line with the record's content says all.
    if (verdict.isKept !== true)
      log.warn(
        fields,
        'a record that was given up could not be written into the log and will be delivered again',
      )
  } else if (verdict.isKept === true) {
    log.warn(
      { ...fields, queue: policy.url },
      'a worker gave up a record: it was sent to the queue of lambda.failed',
    )
  } else
    log.error(
      { ...fields, queue: policy.url },
      'a record that was given up could not be sent and will be delivered again',
    )
}

/** Logs in one line the records behind a failed one in its group: they were not run and will be delivered again. */
export function reportHeldBack(
  log: Logger,
  tags: EventTags,
  held: { readonly records: number; readonly behind: string },
): void {
  log.info(
    { job: held.behind, ...tags, records: held.records },
    'records were held back behind the failed one',
  )
}
