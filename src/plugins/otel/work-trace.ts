/**
 * The trace of one piece of work. The id of the run's span is drawn before it begins: the worker is told it in its headers, and the span
 * begins only when the worker is sent the job, so that its time is that of the run.
 */
import type { Attributes, Context, Span, SpanContext, Tracer } from '@opentelemetry/api'
import type { Clock, Job, Outcome, TraceAttributes, TraceEnd, TraceStart, WorkTrace } from '../../index.js'
import type { OtelPackages } from './packages.js'
import type { Propagation } from './propagation.js'
import type { SpanIds } from './span-ids.js'

/** Parts that all traces share. */
export interface TraceParts {
  readonly api: OtelPackages['api']
  readonly tracer: Tracer
  readonly clock: Clock
  readonly propagation: Propagation
  readonly ids: SpanIds
  /** Traces by the jobs that run their work. */
  readonly jobs: WeakMap<Job, OtelTrace>
  /** Called when a span waits for its export. */
  readonly onEnded: () => void
}

/** A trace. */
export class OtelTrace implements WorkTrace {
  readonly #parts: TraceParts
  readonly #span: Span
  /** Context of the server's span. */
  readonly #context: Context
  readonly #runContext: SpanContext
  /** The SDK's own times have no parts of a millisecond: a run could end after the work that it is a part of. */
  readonly #startedMs: number
  readonly #startedAt: number
  #headers: WorkTrace['headers'] | undefined
  #run: Span | undefined
  #isEnded = false

  constructor(parts: TraceParts, { name, kind, attributes, header, within }: TraceStart) {
    const { api, tracer, clock, propagation, ids } = parts
    this.#parts = parts
    this.#startedMs = clock.nowMs()
    this.#startedAt = clock.monotonicMs()
    const around = within instanceof OtelTrace ? within.#span.spanContext() : undefined
    const given = propagation.read(header)
    const isOwn = api.trace.getSpanContext(given) !== undefined
    const parent = isOwn || around === undefined ? given : api.trace.setSpanContext(given, around)
    const links = isOwn && around !== undefined ? [{ context: around }] : []
    const kindOf = kind === 'server' ? api.SpanKind.SERVER : api.SpanKind.CONSUMER
    const options = { kind: kindOf, attributes: known(attributes), links, startTime: this.#startedMs }
    this.#span = tracer.startSpan(name, options, parent)
    this.#context = api.trace.setSpan(parent, this.#span)
    this.#runContext = { ...this.#span.spanContext(), spanId: ids.newSpanId() }
  }

  get headers(): WorkTrace['headers'] {
    const { api, propagation } = this.#parts
    this.#headers ??= propagation.write(api.trace.setSpanContext(this.#context, this.#runContext))
    return this.#headers
  }

  runs(job: Job): void {
    if (this.#span.isRecording()) this.#parts.jobs.set(job, this)
  }

  /** A worker is sent the job, perhaps after another one that left without running it. */
  assigned(pool: string): void {
    if (this.#isEnded) return
    if (this.#run !== undefined) {
      this.#run.addEvent('assigned again', this.#nowMs())
      return
    }
    const { api, tracer, ids } = this.#parts
    const attributes = { 'rr.pool': pool }
    const options = { kind: api.SpanKind.INTERNAL, attributes, startTime: this.#nowMs() }
    this.#run = ids.using(this.#runContext.spanId, () =>
      tracer.startSpan(`worker ${pool}`, options, this.#context),
    )
  }

  /** The job has its outcome. */
  settled(outcome: Outcome): void {
    if (outcome.kind === 'unserved') return
    if (outcome.kind === 'fault') {
      const { code, message } = outcome.error
      fail(this.#run, this.#parts.api, { error: code, message })
    }
    this.#run?.end(this.#nowMs())
    this.#run = undefined
    this.#parts.onEnded()
  }

  end({ attributes, error, message }: TraceEnd): void {
    if (this.#isEnded) return
    this.#isEnded = true
    const nowMs = this.#nowMs()
    this.#run?.end(nowMs)
    if (attributes !== undefined) this.#span.setAttributes(known(attributes))
    if (error !== undefined) fail(this.#span, this.#parts.api, { error, message })
    this.#span.end(nowMs)
    if (this.#span.spanContext().traceFlags !== 0) this.#parts.onEnded()
  }

  #nowMs(): number {
    return this.#startedMs + this.#parts.clock.monotonicMs() - this.#startedAt
  }
}

// A worker's error may quote what it worked on, at any length.
const messageCharactersMax = 500

function fail(
  span: Span | undefined,
  api: OtelPackages['api'],
  { error, message }: { readonly error: string; readonly message?: string | undefined },
): void {
  span?.setAttribute('error.type', error)
  const text = message?.slice(0, messageCharactersMax)
  span?.setStatus({ code: api.SpanStatusCode.ERROR, ...(text === undefined ? {} : { message: text }) })
}

function known(attributes: TraceAttributes): Attributes {
  const made: Attributes = {}
  for (const key in attributes) if (attributes[key] !== undefined) made[key] = attributes[key]
  return made
}
