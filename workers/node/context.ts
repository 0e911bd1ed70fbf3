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
  /** Milliseconds until Lambda's deadline; Infinity without one. */
  remainingMs(): number
}

/** Reads the context; what is no JSON object is taken as empty. */
export function readContext(bytes: Buffer): JobContext {
  const values: Readonly<Record<string, unknown>> & Partial<JobContext> = parse(bytes)
  const deadlineMs = values.deadlineMs ?? null
  const record = values.record ?? null
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
    ...namesOf(record),
    ...values,
    record,
    values,
    deadlineMs,
    remainingMs: () => (deadlineMs === null ? Number.POSITIVE_INFINITY : deadlineMs - Date.now()),
  }
}

function parse(bytes: Buffer): Readonly<Record<string, unknown>> {
  if (bytes.length === 0) return {}
  const values: Record<string, unknown> = JSON.parse(bytes.toString('utf8'))
  // The number of the job on the wire is not part of its context.
  delete values.jobId
  return values
}

type Names = Pick<JobContext, 'messageId' | 'receiptHandle' | 'queue' | 'group'>

const noNames: Names = { messageId: null, receiptHandle: null, queue: null, group: null }

function namesOf(record: JobContext['record']): Names {
  if (record === null) return noNames
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
