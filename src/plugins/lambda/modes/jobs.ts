/**
 * `mode: jobs`: what RoadRunner's jobs plugin sends its workers, made of Lambda's records, so that a worker written for it
 * runs unchanged. Its acknowledgements become batch item failures. Pure.
 */
import { Codec, type Reply } from '../../../index.js'
import type { Verdict } from '../answer/verdict.js'
import { ErrorType, lambdaError } from '../errors.js'
import type { RecordPlan } from '../plan/record.js'
import type { EventFacts, EventWork, Mode, Work } from './mode.js'

/** What RoadRunner calls a message that it did not push itself. */
const foreignJob = 'deduced_by_rr'

/** The mode. */
export const jobsMode: Mode = {
  eventWork: ({ invocation, source, contexts }): EventWork => {
    const name = contexts.functionName ?? 'lambda'
    const context = {
      id: invocation.requestId,
      job: foreignJob,
      driver: driverOf(source),
      headers: lambdaHeaders(invocation),
      queue: name,
      pipeline: name,
    }
    const read = (reply: Reply): Verdict => {
      const verdict = readJobsReply(reply)
      return verdict.kind === 'done' ? { ...verdict, body: new Uint8Array() } : verdict
    }
    return { context: JSON.stringify(context), body: invocation.body, codec: Codec.raw, read }
  },
  recordsWork: (event, records): Work => {
    const [record] = records
    if (record === undefined) throw new Error('bug in relayrunner: a job without a record')
    return { context: JSON.stringify(jobContext(event, record)), body: record.body, codec: Codec.raw }
  },
  readRecords: (reply, records) => {
    const verdict = readJobsReply(reply)
    return records.map(() => verdict)
  },
}

type Headers = Record<string, readonly string[]>
type Json = Readonly<Record<string, unknown>>

function jobContext({ invocation, source }: EventFacts, { rest, name }: RecordPlan) {
  const record: Json = { ...rest }
  const attributes = objectOf(record.messageAttributes)
  const own = (key: string) => textOf(objectOf(attributes[key]).stringValue)
  const queue = textOf(record.topic) ?? queueOf(textOf(record.eventSourceARN))
  const context = {
    id: own('rr_id') ?? name,
    job: own('rr_job') ?? foreignJob,
    driver: driverOf(source),
    headers: {
      ...lambdaHeaders(invocation),
      ...textsOf(objectOf(record.attributes)),
      ...nativeHeaders(attributes),
      ...kafkaHeaders(record.headers),
      ...parsedHeaders(own('rr_headers')),
    },
    ...(queue === undefined ? {} : { queue }),
    pipeline: own('rr_pipeline') ?? queue ?? 'lambda',
  }
  if (typeof record.partition !== 'number') return context
  return { ...context, topic: queue, partition: record.partition, offset: record.offset }
}

/** The last word of a queue's or a stream's ARN; of a table's stream, which ends in a time, the table. */
function queueOf(arn: string | undefined): string | undefined {
  return /:table\/([^/]+)/.exec(arn ?? '')?.[1] ?? arn?.split(/[:/]/).at(-1)
}

/** RoadRunner's name of the driver; other sources by the last word of theirs. */
function driverOf(source: string | null): string {
  if (source === null) return 'lambda'
  return /kafka/i.test(source) ? 'kafka' : source.replace(/^aws:/, '')
}

function lambdaHeaders({
  requestId,
  deadlineMs,
  traceId,
}: {
  readonly requestId: string
  readonly deadlineMs: number | undefined
  readonly traceId: string | undefined
}): Headers {
  return {
    'lambda-request-id': [requestId],
    ...(deadlineMs === undefined ? {} : { 'lambda-deadline-ms': [String(deadlineMs)] }),
    ...(traceId === undefined ? {} : { 'lambda-trace-id': [traceId] }),
  }
}

/** SQS's message attributes but for RoadRunner's own, which have their places in the context. */
function nativeHeaders(attributes: Json): Headers {
  const texts = Object.entries(attributes).flatMap(([key, value]) => {
    const text = textOf(objectOf(value).stringValue) ?? textOf(objectOf(value).binaryValue)
    return text === undefined || key.startsWith('rr_') ? [] : [[key, [text]] as const]
  })
  return Object.fromEntries(texts)
}

/** Kafka's headers are lists of bytes, which may be signed. */
function kafkaHeaders(list: unknown): Headers {
  const headers = new Map<string, string[]>()
  for (const one of Array.isArray(list) ? list : []) {
    for (const [key, bytes] of Object.entries(objectOf(one))) {
      if (!Array.isArray(bytes)) continue
      headers.set(key, [...(headers.get(key) ?? []), Buffer.from(bytes.map(Number)).toString('utf8')])
    }
  }
  return Object.fromEntries(headers)
}

/** RoadRunner's own headers travel as JSON: an object of lists. */
function parsedHeaders(text: string | undefined): Headers {
  if (text === undefined) return {}
  try {
    const given = Object.entries(objectOf(JSON.parse(text)))
    return Object.fromEntries(
      given.map(([key, value]) => [key, (Array.isArray(value) ? value : [value]).map(String)]),
    )
  } catch {
    // Somebody else's attribute of that name.
    return {}
  }
}

function textsOf(attributes: Json): Headers {
  return Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, [String(value)]]))
}

function objectOf(value: unknown): Json {
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {}
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

const ReplyType = { complete: 0, fail: 1, ack: 2, nack: 3, requeue: 4 } as const

/** What a jobs worker's reply means. As in RoadRunner, what cannot be read is acknowledged, with a warning. */
export function readJobsReply({ body }: Reply): Verdict {
  const done: Verdict = { kind: 'done', body }
  if (body.length === 0) return done
  const text = Buffer.from(body).toString('utf8')
  let reply: Json
  try {
    reply = objectOf(JSON.parse(text))
  } catch {
    return { ...done, warning: `the worker answered with no reply of a jobs worker: ${text.slice(0, 200)}` }
  }
  const data = objectOf(reply.data)
  const message = textOf(data.message) ?? 'the worker gave no reason'
  const delay = typeof data.delay_seconds === 'number' && data.delay_seconds > 0 ? data.delay_seconds : 0
  const after = delay > 0 ? { afterMs: delay * 1000 } : {}
  switch (reply.type) {
    case ReplyType.complete:
    case ReplyType.ack:
      return done
    case ReplyType.fail:
      if (data.requeue === true)
        return { kind: 'again', error: lambdaError(ErrorType.Retry, message), ...after }
      return { kind: 'never', error: lambdaError(ErrorType.Failed, message) }
    case ReplyType.nack:
      return { kind: 'again', error: lambdaError(ErrorType.JobFailed, message), ...after }
    case ReplyType.requeue:
      return { kind: 'again', error: lambdaError(ErrorType.Retry, message), ...after }
    default:
      return { ...done, warning: `the worker answered with the unknown type ${JSON.stringify(reply.type)}` }
  }
}
