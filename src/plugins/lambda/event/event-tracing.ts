/** Traces of events: a span for each event, and one for each record of a batch. Loaded where the plugin `otel` is on. */
import { type Job, objectOf, parseJson, type TracingService, textOf, type WorkTrace } from '../../../index.js'
import { type ContextForm, withTraceHeaders } from '../../../work/trace-headers.js'
import { type DispatchedWork, messagingSystem, tracedWork } from '../../../work/traced-work.js'
import type { Answer } from '../answer/answer.js'
import type { Invocation } from '../runtime-api/invocation.js'
import type { LambdaSettings } from '../section.js'

/** Options of the traces. */
export interface EventTracingOptions {
  readonly tracing: TracingService
  readonly mode: LambdaSettings['mode']
  readonly codec: LambdaSettings['http']['codec']
  readonly functionName: string | null
}

/** Traces of one server's events. */
export class EventTracing {
  readonly #options: EventTracingOptions
  readonly #form: ContextForm
  #isCold = true

  constructor(options: EventTracingOptions) {
    this.#options = options
    this.#form = formOf(options)
  }

  /** Begins the trace of an event: a part of its caller's where that is an HTTP client that sent `traceparent`, else of X-Ray's. */
  begin({ requestId, functionArn, tenantId, traceId, body }: Invocation): WorkTrace {
    const { tracing, functionName } = this.#options
    const headers = headersOf(body)
    const isCold = this.#isCold
    this.#isCold = false
    return tracing.begin({
      name: functionName ?? 'event',
      kind: 'server',
      header: (name) => (name === 'x-amzn-trace-id' ? traceId : headers.get(name)),
      attributes: {
        'faas.invocation_id': requestId,
        'faas.coldstart': isCold,
        'cloud.resource_id': functionArn,
        'tenant.id': tenantId,
      },
    })
  }

  /** The job of a whole event, whose worker is told the trace. */
  traced(job: Job, trace: WorkTrace | undefined): Job {
    if (trace === undefined) return job
    const traced = { ...job, context: withTraceHeaders(job.context, this.#form, trace.headers) }
    trace.runs(traced)
    return traced
  }

  /** Puts traces around the records of a batch. */
  ofRecords(
    work: DispatchedWork,
    { source, within }: { readonly source: string; readonly within: WorkTrace | undefined },
  ): DispatchedWork {
    const { tracing, functionName } = this.#options
    const about = { system: messagingSystem(source), destination: functionName ?? source, within }
    return tracedWork({ tracing, ...about, form: this.#form }, work)
  }

  /** Ends the trace of an event with its answer. */
  end(trace: WorkTrace | undefined, answer: Answer): void {
    if (answer.kind !== 'error') trace?.end({})
    else trace?.end({ error: answer.error.errorType, message: answer.error.errorMessage })
  }
}

function formOf({ mode, codec }: EventTracingOptions): ContextForm {
  if (mode === 'http') return codec === 'proto' ? 'http-proto' : 'http-json'
  return mode === 'jobs' ? 'jobs' : 'raw'
}

const names = ['traceparent', 'Traceparent'] as const

/** Headers of an HTTP event, by their names in lower case; none of events that name no trace. */
function headersOf(body: Buffer): ReadonlyMap<string, string | undefined> {
  if (!names.some((name) => body.includes(name))) return new Map()
  const { headers } = objectOf(parseJson(body))
  return new Map(
    Object.entries(objectOf(headers)).map(([name, value]) => [name.toLowerCase(), textOf(value)]),
  )
}
