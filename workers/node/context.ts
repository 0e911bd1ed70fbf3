/** What a handler knows about its job: the context JSON of the server, and the time that is left. */

/** The context of a Lambda job; absent values are `null`. Those of other kinds of jobs are in `values`. */
export interface JobContext {
  readonly kind: 'event' | 'record'
  readonly source: string | null
  readonly awsRequestId: string
  /** Milliseconds since the epoch. */
  readonly deadlineMs: number | null
  readonly invokedFunctionArn: string | null
  readonly functionName: string | null
  readonly functionVersion: string | null
  readonly memoryLimitInMB: number | null
  readonly traceId: string | null
  readonly clientContext: unknown
  readonly identity: unknown
  readonly tenantId: string | null
  readonly attempt: number | null
  /** The record without its body; `null` for events. */
  readonly record: Readonly<Record<string, unknown>> | null
  /** The context as it came, whatever the plugin that sent the job puts there. */
  readonly values: Readonly<Record<string, unknown>>
  /** Milliseconds until Lambda's deadline; Infinity without one. */
  remainingMs(): number
}

/** Reads the context; what is no JSON object is taken as empty. */
export function readContext(bytes: Buffer): JobContext {
  const values: Readonly<Record<string, unknown>> & Partial<JobContext> =
    bytes.length === 0 ? {} : JSON.parse(bytes.toString('utf8'))
  const deadlineMs = values.deadlineMs ?? null
  return {
    kind: 'event',
    source: null,
    awsRequestId: '',
    invokedFunctionArn: null,
    functionName: null,
    functionVersion: null,
    memoryLimitInMB: null,
    traceId: null,
    clientContext: null,
    identity: null,
    tenantId: null,
    attempt: null,
    record: null,
    ...values,
    values,
    deadlineMs,
    remainingMs: () => (deadlineMs === null ? Number.POSITIVE_INFINITY : deadlineMs - Date.now()),
  }
}
