/** Context of a job as its handler sees it: the server's context JSON, and the time that is left. */

/** The context of a Lambda job; absent values are `null`. Those of other kinds of jobs are in `values`. */
export interface JobContext {
  readonly kind: 'event' | 'record' | 'records' | 'given_up'
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
  /** Number of times that SQS has delivered the message, this one included. */
  readonly attempt: number | null
  /** SQS's id of the message, or Amazon MQ's. */
  readonly messageId: string | null
  readonly receiptHandle: string | null
  /** The name of the queue, stream, table or topic that the record is from. */
  readonly queue: string | null
  /** SQS's message group, or Kinesis' partition key. */
  readonly group: string | null
  /** The record without its body; `null` for events. */
  readonly record: Readonly<Record<string, unknown>> | null
  /** The context as it came, whatever the plugin that sent the job puts there. */
  readonly values: Readonly<Record<string, unknown>>
  /** Aborted when the server cancels the job, which it does in workers that run several at once; others it ends. */
  readonly signal: AbortSignal
  /** Milliseconds until Lambda's deadline; Infinity without one. */
  remainingMs(): number
}

/**
 * Reads the context. Anything but a JSON object is taken as empty, and a value of another type than its own as absent. `cancel` aborts its
 * signal; without one it is made when a handler asks for the signal.
 */
export function readContext(bytes: Buffer, cancel?: AbortController): JobContext {
  const values = parse(bytes)
  const deadlineMs = numberOf(values.deadlineMs)
  const record = isObject(values.record) ? values.record : null
  return {
    ...values,
    kind: kindOf(values.kind),
    source: textOf(values.source),
    awsRequestId: textOf(values.awsRequestId) ?? '',
    invokedFunctionArn: textOf(values.invokedFunctionArn),
    functionName: textOf(values.functionName),
    functionVersion: textOf(values.functionVersion),
    memoryLimitInMB: numberOf(values.memoryLimitInMB),
    traceId: textOf(values.traceId),
    clientContext: values.clientContext ?? null,
    identity: values.identity ?? null,
    tenantId: textOf(values.tenantId),
    attempt: numberOf(values.attempt),
    ...namesOf(record, values),
    record,
    values,
    deadlineMs,
    get signal() {
      cancel ??= new AbortController()
      return cancel.signal
    },
    remainingMs: () => (deadlineMs === null ? Number.POSITIVE_INFINITY : deadlineMs - Date.now()),
  }
}

function parse(bytes: Buffer): Readonly<Record<string, unknown>> {
  if (bytes.length === 0) return {}
  const given: unknown = JSON.parse(bytes.toString('utf8'))
  if (!isObject(given)) return {}
  // The number of the job on the wire is not part of its context.
  delete given.jobId
  return given
}

type Names = Pick<JobContext, 'messageId' | 'receiptHandle' | 'queue' | 'group'>

/** Names that the context has itself come before those of its record. */
function namesOf(record: JobContext['record'], values: JobContext['values']): Names {
  const {
    messageId = null,
    receiptHandle = null,
    queue = null,
    group = null,
  } = record === null ? {} : recordNames(record)
  return {
    messageId: textOf(values.messageId) ?? messageId,
    receiptHandle: textOf(values.receiptHandle) ?? receiptHandle,
    queue: textOf(values.queue) ?? queue,
    group: textOf(values.group) ?? group,
  }
}

function recordNames(record: Readonly<Record<string, unknown>>): Partial<Names> {
  return {
    messageId: textOf(record.messageId) ?? textOf(record.messageID),
    receiptHandle: textOf(record.receiptHandle),
    queue: queueOf(record),
    group:
      textOf(member(record.attributes, 'MessageGroupId')) ?? textOf(member(record.kinesis, 'partitionKey')),
  }
}

/** Kafka's topic, RabbitMQ's queue, ActiveMQ's destination, or the last word of an ARN; of a table's stream, the table. */
function queueOf(record: Readonly<Record<string, unknown>>): string | null {
  const own =
    textOf(record.topic) ?? textOf(record.queue) ?? textOf(member(record.destination, 'physicalName'))
  if (own !== null) return own
  const arn = textOf(record.eventSourceARN)
  return arn === null ? null : (/:table\/([^/]+)/.exec(arn)?.[1] ?? arn.split(/[:/]/).at(-1) ?? null)
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number' ? value : null
}

function kindOf(value: unknown): JobContext['kind'] {
  return value === 'record' || value === 'records' || value === 'given_up' ? value : 'event'
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
