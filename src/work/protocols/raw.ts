/** The protocol `raw`: our own context as JSON, then the message's body as it came; the reply's context holds the verdict. Pure. */
import { Codec, isObject, parseJson, type Reply, textOf } from '../../index.js'
import { makeFault } from '../fault.js'
import type { Protocol } from '../protocol.js'
import type { Delivery } from '../source.js'
import { FaultKind, type Verdict } from '../verdict.js'

/** Context members of a Lambda request for jobs without one: JSON without its braces. */
export const noRequest = [
  '"awsRequestId":null,"deadlineMs":null,"invokedFunctionArn":null',
  '"functionName":null,"functionVersion":null,"memoryLimitInMB":null',
  '"traceId":null,"clientContext":null,"identity":null,"tenantId":null',
].join(',')

/** Parts of a context, as JSON but for `attempt`. */
export interface RawContextParts {
  readonly source: string
  /** Members about the request, without braces. */
  readonly request: string
  readonly attempt: number | null
  readonly record: string
  /** Event around the record; undefined: none. */
  readonly envelope: string | undefined
  /** Reason for which the server gave the record up; absent for a record that is to be run. */
  readonly givenUp?: string
}

/** Puts the context of one record together. */
export function rawContext(parts: RawContextParts): string {
  const { source, request, attempt, record, envelope, givenUp } = parts
  const around = envelope === undefined ? '' : `,"envelope":${envelope}`
  const kind = givenUp === undefined ? '"record"' : `"given_up","reason":${JSON.stringify(givenUp)}`
  return `{"kind":${kind},"source":${source},${request},"attempt":${attempt},"record":${record}${around}}`
}

/** Parts of the context of a small batch, as JSON. */
export interface BatchContextParts extends Pick<RawContextParts, 'source' | 'request'> {
  /** Records without what is in the body, in its order. */
  readonly records: readonly string[]
}

/** Puts the context of a small batch together. */
export function batchContext({ source, request, records }: BatchContextParts): string {
  return `{"kind":"records","source":${source},${request},"attempt":null,"record":null,"records":[${records.join(',')}]}`
}

/** Makes the context of a delivery that the server gave up, for a worker that settles what hangs on it. */
export function givenUpContext(delivery: Delivery, reason: string): string {
  return contextOf(delivery, reason)
}

function contextOf(delivery: Delivery, givenUp?: string): string {
  const { source, attempt } = delivery
  return rawContext({
    source: JSON.stringify(source),
    request: noRequest,
    attempt,
    record: JSON.stringify(rawRecord(delivery)),
    envelope: undefined,
    ...(givenUp === undefined ? {} : { givenUp }),
  })
}

/** The record with the headers of its job, which drivers keep beside it, where SQS's clients send them. */
export function rawRecord({ record, headers }: Delivery): Delivery['record'] {
  const { messageAttributes: attributes } = record
  if (!isObject(attributes) || 'rr_headers' in attributes || Object.keys(headers).length === 0) return record
  const own = { stringValue: JSON.stringify(headers), dataType: 'String' }
  return { ...record, messageAttributes: { ...attributes, rr_headers: own } }
}

/** Speaks `raw`, one delivery a job. */
export const rawProtocol: Protocol = {
  toJob: ([delivery]) => {
    if (delivery === undefined) throw new Error('bug in relayrunner: a job without a delivery')
    return { context: contextOf(delivery), body: delivery.body, codec: Codec.raw, id: delivery.id }
  },
  verdicts: (reply, deliveries) => {
    const verdict = readVerdict(reply)
    return deliveries.map(() => verdict)
  },
}

const outcomeKey = Buffer.from('outcome')

/** Reads a reply: an empty context, or one without `outcome`, means done. */
export function readVerdict({ context, body }: Reply): Verdict {
  const done: Verdict = { kind: 'done', body }
  if (context.length === 0) return done
  const bytes = Buffer.from(context.buffer, context.byteOffset, context.length)
  if (!bytes.includes(outcomeKey)) return done
  // A context that is not JSON is the worker's own, and holds no outcome.
  const parsed = parseJson(bytes)
  if (!isObject(parsed) || !('outcome' in parsed)) return done
  const { outcome, reason, after_ms: afterMs } = parsed
  switch (outcome) {
    case 'done':
      return done
    case 'retry': {
      const why = makeFault(FaultKind.retry, textOf(reason) ?? 'the worker asked for another try')
      return { kind: 'retry', why, ...(typeof afterMs === 'number' ? { afterMs } : {}) }
    }
    case 'fail':
      return { kind: 'fail', why: makeFault(FaultKind.failed, textOf(reason) ?? 'the worker gave up') }
    default: {
      const text = `the worker answered with the outcome ${JSON.stringify(outcome)}; it must be done, retry or fail`
      return { kind: 'retry', why: makeFault(FaultKind.badReply, text) }
    }
  }
}
