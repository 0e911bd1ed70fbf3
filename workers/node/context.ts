/** What a handler knows about its job: the context JSON of the server, and the time that is left. */

/** The context of a Lambda job; absent values are `null`. */
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
  /** Milliseconds until Lambda's deadline; Infinity without one. */
  remainingMs(): number
}

/** Reads the context; what is no JSON object is taken as empty. */
export function readContext(bytes: Buffer): JobContext {
  const parsed: Partial<JobContext> = bytes.length === 0 ? {} : JSON.parse(bytes.toString('utf8'))
  const deadlineMs = parsed.deadlineMs ?? null
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
    ...parsed,
    deadlineMs,
    remainingMs: () => (deadlineMs === null ? Number.POSITIVE_INFINITY : deadlineMs - Date.now()),
  }
}
