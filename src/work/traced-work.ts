/** Traces the deliveries of a dispatcher: a span for each job, from its making until its source was told the verdict. */
import {
  type Job,
  type TraceAttributes,
  type TraceEnd,
  type TracingService,
  unreachable,
  type WorkTrace,
} from '../index.js'
import type { Protocol } from './protocol.js'
import type { SettledSource, SettleFaults } from './settler.js'
import type { Delivery, Headers, SettledDelivery } from './source.js'
import { type ContextForm, withTraceHeaders } from './trace-headers.js'
import type { Verdict } from './verdict.js'

/** Options of the traces of one dispatcher. */
export interface TracedWorkOptions {
  readonly tracing: TracingService
  /** Kind of the queue, in the words of OpenTelemetry's conventions. */
  readonly system: string
  readonly destination: string
  readonly attributes?: TraceAttributes
  /** The event of which the deliveries are records. */
  readonly within?: WorkTrace | undefined
  readonly form: ContextForm
}

/** Protocol and source of a dispatcher. */
export interface DispatchedWork {
  readonly protocol: Protocol
  readonly source: SettledSource
}

/** Puts traces around the protocol and the source of one dispatcher. */
export function tracedWork(options: TracedWorkOptions, { protocol, source }: DispatchedWork): DispatchedWork {
  const traces = new WeakMap<Delivery, WorkTrace>()
  const end = (delivery: Delivery, how: TraceEnd) => {
    traces.get(delivery)?.end(how)
    traces.delete(delivery)
  }
  const endAll = (items: readonly SettledDelivery[]) => {
    for (const { delivery, verdict } of items) end(delivery, endOf(verdict))
  }
  return {
    protocol: {
      toJob(deliveries) {
        const job = protocol.toJob(deliveries)
        const [first] = deliveries
        if (first === undefined) return job
        const trace = traces.get(first) ?? begin(options, first, { job, count: deliveries.length })
        for (const delivery of deliveries) traces.set(delivery, trace)
        const traced = { ...job, context: withTraceHeaders(job.context, options.form, trace.headers) }
        trace.runs(traced)
        return traced
      },
      verdicts: (reply, deliveries) => protocol.verdicts(reply, deliveries),
    },
    source: {
      settle(items): SettleFaults | Promise<SettleFaults> {
        const told = source.settle(items)
        if (!(told instanceof Promise)) endAll(items)
        return told instanceof Promise ? told.finally(() => endAll(items)) : told
      },
      release(deliveries) {
        for (const delivery of deliveries) end(delivery, { attributes: { 'rr.verdict': 'released' } })
        return source.release(deliveries)
      },
    },
  }
}

function begin(
  { tracing, system, destination, attributes, within }: TracedWorkOptions,
  delivery: Delivery,
  { job, count }: { readonly job: Job; readonly count: number },
): WorkTrace {
  const { headers } = delivery
  return tracing.begin({
    name: `process ${destination}`,
    kind: 'consumer',
    within,
    header: (name) => headerOf(headers, name),
    attributes: {
      'messaging.system': system,
      'messaging.destination.name': destination,
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.message.id': delivery.job?.id ?? delivery.id,
      'messaging.batch.message_count': count > 1 ? count : undefined,
      'rr.job.name': job.name,
      'rr.attempt': delivery.attempt ?? undefined,
      ...attributes,
    },
  })
}

// SQS carries X-Ray's header as an attribute of the message.
const otherNames: Readonly<Record<string, string>> = { 'x-amzn-trace-id': 'awstraceheader' }

/** Queues keep the names of headers as their clients write them. */
function headerOf(headers: Headers, name: string): string | undefined {
  const exact = headers[name]
  if (exact !== undefined) return exact[0]
  const other = otherNames[name]
  const key = Object.keys(headers).find((one) => {
    const lower = one.toLowerCase()
    return lower === name || lower === other
  })
  return key === undefined ? undefined : headers[key]?.[0]
}

function endOf(verdict: Verdict): TraceEnd {
  const attributes = { 'rr.verdict': verdict.kind }
  switch (verdict.kind) {
    case 'done':
      return { attributes }
    case 'retry':
    case 'fail':
      return { attributes, error: verdict.why.kind, message: verdict.why.message }
    default:
      return unreachable(verdict)
  }
}

const systems: Readonly<Record<string, string>> = {
  amqp: 'rabbitmq',
  sqs: 'aws_sqs',
  'aws:sqs': 'aws_sqs',
  'aws:kafka': 'kafka',
  'aws:rmq': 'rabbitmq',
  'aws:kinesis': 'aws_kinesis',
  'aws:dynamodb': 'aws_dynamodb',
}

/** Name of a driver, or of a source as AWS names it, in OpenTelemetry's conventions. */
export function messagingSystem(name: string): string {
  return systems[name] ?? name.replace(/^aws:/, 'aws_')
}
