/** Makes the event of an ordinary handler from a job. A record becomes a batch of one, in the shape of its own source. */
import type { JobContext } from '../context.js'

/** Reads the event. Throws a SyntaxError when it is not JSON, as AWS's client does. */
export function eventOf(body: Buffer, job: JobContext): unknown {
  if (job.kind === 'record') return batchOfOne(body, job)
  return body.length === 0 ? undefined : JSON.parse(body.toString('utf8'))
}

/**
 * Tells whether a record's handler reported it as failed, from its result as JSON. What `toJSON` returns counts, and so does a
 * string that holds JSON. With a single record, any reported name means this record.
 */
export function namesFailures(result: string): boolean {
  if (!result.includes('batchItemFailures')) return false
  const failures = objectOf(parsed(parsed(result))).batchItemFailures
  return Array.isArray(failures) ? failures.length > 0 : failures !== undefined && failures !== null
}

/** Parses a text as JSON; returns any other value, or a text that is not JSON, unchanged. */
function parsed(value: unknown): unknown {
  if (typeof value !== 'string') return value
  try {
    return JSON.parse(value)
  } catch {
    // Not JSON, so it names no failed record.
    return value
  }
}

type Json = Readonly<Record<string, unknown>>

function batchOfOne(body: Buffer, { source, record, values }: JobContext): unknown {
  const { queue, ...rest } = record ?? {}
  const envelope = objectOf(values.envelope)
  const base64 = () => body.toString('base64')
  switch (source) {
    case 'aws:dynamodb':
      return { ...envelope, Records: [JSON.parse(body.toString('utf8'))] }
    case 'aws:kinesis':
      return { ...envelope, Records: [{ ...record, kinesis: { ...objectOf(rest.kinesis), data: base64() } }] }
    case 'aws:kafka':
    case 'SelfManagedKafka':
    case 'aws:SelfManagedKafka': {
      // A tombstone has its null already.
      const message = 'value' in rest ? { ...record } : { ...record, value: base64() }
      return {
        eventSource: source,
        ...envelope,
        records: listIn(envelope.records, partitionOf(rest), message),
      }
    }
    case 'aws:rmq': {
      const message = { ...rest, data: base64() }
      const lists = listIn(envelope.rmqMessagesByQueue, String(queue ?? ''), message)
      return { eventSource: source, ...envelope, rmqMessagesByQueue: lists }
    }
    case 'aws:mq':
    case 'aws:amq':
      return { eventSource: source, ...envelope, messages: [{ ...record, data: base64() }] }
    default:
      return { ...envelope, Records: [{ ...record, body: body.toString('utf8') }] }
  }
}

/** Puts the record into a list under the envelope's key, or under `otherwise` when the envelope has none. */
function listIn(lists: unknown, otherwise: string, message: object): object {
  const [key = otherwise] = Object.keys(objectOf(lists))
  return { [key]: [message] }
}

function partitionOf({ topic, partition }: Json): string {
  return `${topic}-${partition}`
}

function objectOf(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}
}
