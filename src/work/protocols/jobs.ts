/**
 * The protocol `jobs`: what RoadRunner's jobs plugin sends its workers, so that a worker written for it runs unchanged, and what
 * they answer. Pure.
 */
import { Codec, isObject, parseJson, type Reply, textOf } from '../../index.js'
import { makeFault } from '../fault.js'
import type { Protocol } from '../protocol.js'
import type { Delivery, Headers } from '../source.js'
import { FaultKind, type Verdict } from '../verdict.js'
import { headersOf, jobFact, recordHeaders } from './record-headers.js'

/** RoadRunner's name for a job that it did not push itself. */
export const foreignJob = 'deduced_by_rr'

/** Parts of a job's context beside its delivery. */
export interface JobsContextParts {
  /** Headers that go before the delivery's own. */
  readonly headers?: Headers
  /** Name of the pipeline where neither the message nor its queue has one. */
  readonly pipeline: string
}

const noRecord: Delivery['record'] = {}

/** The context of one delivery, as RoadRunner writes it. */
export function jobsContext(delivery: Delivery, parts: JobsContextParts) {
  const { id, source, headers, job } = delivery
  const driver = driverOf(source)
  // A source may make the record when it is asked for.
  const record = job?.queue === undefined || driver === 'kafka' ? delivery.record : noRecord
  const named = job?.queue ?? textOf(record.topic) ?? textOf(record.queue)
  const queue = named ?? queueOf(textOf(record.eventSourceARN))
  const context = {
    id: jobFact(delivery, 'id') ?? id,
    job: jobFact(delivery, 'name') ?? foreignJob,
    driver,
    headers: { ...parts.headers, ...headers },
    ...(queue === undefined ? {} : { queue }),
    pipeline: jobFact(delivery, 'pipeline') ?? queue ?? parts.pipeline,
  }
  if (typeof record.partition !== 'number') return context
  return { ...context, topic: queue, partition: record.partition, offset: record.offset }
}

/**
 * Speaks `jobs` on behalf of a pipeline, one delivery a job. Deliveries of AWS's queues bring their attributes as headers. A reply that
 * cannot be read is a retry, where RoadRunner acknowledges.
 */
export function jobsProtocol(pipeline: string): Protocol {
  const ofOwnQueue = ownContexts(pipeline)
  return {
    toJob: ([delivery]) => {
      if (delivery === undefined) throw new Error('bug in relayrunner: a job without a delivery')
      const { id, body, source } = delivery
      const own = ofOwnQueue(delivery)
      if (own !== undefined) return { ...own, body, codec: Codec.raw, id }
      const more = source.startsWith('aws:') ? { headers: recordHeaders(delivery.record) } : {}
      const context = { ...jobsContext(delivery, { ...more, pipeline }), pipeline }
      return { context: JSON.stringify(context), body, codec: Codec.raw, id, name: context.job }
    },
    verdicts: (reply, deliveries) => {
      const verdict = plainDone(reply) ?? unreadable(reply) ?? readJobsReply(reply)
      return deliveries.map(() => verdict)
    },
  }
}

/**
 * Makes the contexts of deliveries whose client's facts stand beside the record: the same text as `jobsContext`, of which the end is made
 * once for a queue. Undefined for all others.
 */
function ownContexts(pipeline: string) {
  let known:
    | { readonly source: string; readonly queue: string; readonly start: string; readonly end: string }
    | undefined
  return ({ source, headers, job = {} }: Delivery) => {
    const { id, name, queue } = job
    if (id === undefined || name === undefined || queue === undefined || source.startsWith('aws:'))
      return undefined
    const driver = driverOf(source)
    if (driver === 'kafka') return undefined
    if (known?.source !== source || known.queue !== queue) {
      const start = `,"driver":${JSON.stringify(driver)},"headers":`
      const end = `,"queue":${JSON.stringify(queue)},"pipeline":${JSON.stringify(pipeline)}}`
      known = { source, queue, start, end }
    }
    const facts = `{"id":${JSON.stringify(id)},"job":${JSON.stringify(name)}`
    return { context: `${facts}${known.start}${JSON.stringify(headers)}${known.end}`, name }
  }
}

// What PHP's client writes of `complete` and `ack`: nearly all replies, which need not be parsed.
const doneTexts: ReadonlySet<string> = new Set(['{"type":0,"data":[]}', '{"type":2,"data":[]}', ''])
const doneBytesMax = 20

function plainDone({ body }: Reply): Verdict | undefined {
  if (body.length > doneBytesMax) return undefined
  const text = Buffer.from(body.buffer, body.byteOffset, body.length).toString('latin1')
  return doneTexts.has(text) ? { kind: 'done', body } : undefined
}

/** The verdict on a reply that has no meaning; undefined for one that has. */
function unreadable({ body }: Reply): Verdict | undefined {
  if (body.length === 0) return undefined
  const text = Buffer.from(body).toString('utf8')
  const reply = parseJson(text)
  const type = isObject(reply) ? reply.type : undefined
  if (Object.values(ReplyType).some((known) => known === type)) return undefined
  const excerpt = text.slice(0, excerptCharactersMax)
  const what = `the worker answered with no reply of a jobs worker (if it is written for \`mode: raw\`, set that mode): ${excerpt}`
  return { kind: 'retry', why: makeFault(FaultKind.badReply, what) }
}

/** Returns the last part of a queue's or a stream's ARN; of a table's stream, which ends in a time, the table. */
function queueOf(arn: string | undefined): string | undefined {
  return /:table\/([^/]+)/.exec(arn ?? '')?.[1] ?? arn?.split(/[:/]/).at(-1)
}

/** Returns RoadRunner's name of the driver; for other sources the last part of the name. */
export function driverOf(source: string): string {
  if (/kafka/i.test(source)) return 'kafka'
  return source === 'aws:rmq' ? 'amqp' : source.replace(/^aws:/, '')
}

const ReplyType = { complete: 0, fail: 1, ack: 2, nack: 3, requeue: 4 } as const

const excerptCharactersMax = 200

/** Reads the verdict of a jobs worker's reply. As in RoadRunner, a reply that cannot be read is acknowledged, with a warning. */
export function readJobsReply({ body }: Reply): Verdict {
  const done: Verdict = { kind: 'done', body }
  if (body.length === 0) return done
  const text = Buffer.from(body).toString('utf8')
  const reply = parseJson(text)
  if (reply === undefined) {
    const excerpt = text.slice(0, excerptCharactersMax)
    return { ...done, warning: `the worker answered with no reply of a jobs worker: ${excerpt}` }
  }
  const { type, data: given } = isObject(reply) ? reply : { type: undefined, data: undefined }
  const data = isObject(given) ? given : {}
  const message = textOf(data.message) ?? 'the worker gave no reason'
  const { delay_seconds: delay } = data
  const more = {
    ...(typeof delay === 'number' && delay > 0 ? { afterMs: delay * 1000 } : {}),
    ...(isObject(data.headers) ? { headers: headersOf(data.headers) } : {}),
  }
  switch (type) {
    case ReplyType.complete:
    case ReplyType.ack:
      return done
    case ReplyType.fail:
      if (data.requeue === true) return { ...retry(message), asked: 'requeue', ...more }
      return { kind: 'fail', why: makeFault(FaultKind.failed, message), asked: 'fail' }
    case ReplyType.nack:
      return {
        kind: 'retry',
        why: makeFault(FaultKind.jobFailed, message),
        asked: data.requeue === true ? 'requeue' : 'nack',
        ...more,
      }
    case ReplyType.requeue:
      return { ...retry(message), asked: 'requeue', ...more }
    default:
      return { ...done, warning: `the worker answered with the unknown type ${JSON.stringify(type)}` }
  }
}

function retry(message: string) {
  return { kind: 'retry', why: makeFault(FaultKind.retry, message) } as const
}
