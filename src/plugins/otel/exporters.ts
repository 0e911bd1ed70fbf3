/** Makes the exporter that the section asks for, and keeps it quiet: a collector that is down is one line of the log. */
import type { ExportResult } from '@opentelemetry/core'
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base'
import { type Clock, type Logger, messageOf, unreachable } from '../../index.js'
import { loadOtlp, loadZipkin, type OtelPackages } from './packages.js'
import type { OtelSettings } from './section.js'

const exportMsMax = 10_000
const otlpPath = '/v1/traces'
const otlpAddress = 'http://127.0.0.1:4318'

/** An exporter, and where it sends spans to. */
export interface NamedExporter {
  readonly exporter: SpanExporter
  readonly where: string
}

/** Makes the exporter. Rejects with RR_DRIVER_PACKAGE. */
export async function makeExporter(
  settings: OtelSettings,
  env: Readonly<Record<string, string | undefined>>,
  { core }: OtelPackages,
): Promise<NamedExporter> {
  const { exporter: kind, headers, compress } = settings
  switch (kind) {
    case 'otlp': {
      const { OTLPTraceExporter } = await loadOtlp()
      const url = urlOf(settings, env)
      const options = { url, headers, timeoutMillis: exportMsMax }
      // An enum of a package of theirs that nothing else here needs.
      const compressed: object = compress ? { compression: 'gzip' } : {}
      return { exporter: new OTLPTraceExporter({ ...options, ...compressed }), where: url }
    }
    case 'zipkin': {
      const { ZipkinExporter } = await loadZipkin()
      const url = urlOf(settings, env)
      return { exporter: new ZipkinExporter({ url, headers }), where: url }
    }
    case 'stdout':
    case 'stderr':
      return { exporter: new LineExporter(process[kind], core), where: kind }
    default:
      return unreachable(kind)
  }
}

/** The collector's URL, as the section and the variables of OpenTelemetry tell it. */
export function urlOf(
  settings: Pick<OtelSettings, 'exporter' | 'endpoint' | 'custom_url' | 'insecure'>,
  env: Readonly<Record<string, string | undefined>>,
): string {
  const { exporter, endpoint, custom_url: given, insecure } = settings
  if (exporter === 'zipkin') return withScheme(endpoint || 'http://127.0.0.1:9411/api/v2/spans', insecure)
  const path = given === '' ? otlpPath : given.replace(/^\/?/, '/')
  if (endpoint !== '') return joined(withScheme(endpoint, insecure), path)
  const own = env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT
  if (own !== undefined && own !== '') return own
  return joined(env.OTEL_EXPORTER_OTLP_ENDPOINT || otlpAddress, path)
}

function withScheme(endpoint: string, isInsecure: boolean): string {
  return /^https?:\/\//i.test(endpoint) ? endpoint : `${isInsecure ? 'http' : 'https'}://${endpoint}`
}

/** A URL that has a path already is whole. */
function joined(address: string, path: string): string {
  const bare = address.replace(/\/+$/, '')
  return bare.endsWith(path) ? bare : `${bare}${path}`
}

/** Writes each span as a line of JSON. */
class LineExporter implements SpanExporter {
  readonly #to: NodeJS.WritableStream
  readonly #core: OtelPackages['core']

  constructor(to: NodeJS.WritableStream, core: OtelPackages['core']) {
    this.#to = to
    this.#core = core
  }

  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    const text = spans.map((span) => `${JSON.stringify(this.#lineOf(span))}\n`).join('')
    this.#to.write(text, (error) => done(error ? { code: 1, error } : { code: 0 }))
  }

  async shutdown(): Promise<void> {}

  #lineOf(span: ReadableSpan) {
    const { name, kind, startTime, duration, attributes, status, links } = span
    const { traceId, spanId } = span.spanContext()
    const time = new Date(this.#core.hrTimeToMilliseconds(startTime)).toISOString()
    const tookMs = this.#core.hrTimeToMilliseconds(duration)
    const parentSpanId = span.parentSpanContext?.spanId
    return {
      time,
      traceId,
      spanId,
      parentSpanId,
      name,
      kind,
      tookMs,
      attributes,
      status,
      links: links.length,
    }
  }
}

/** Passes spans on to an exporter, and tells the log when it fails for the first time, and when it works again. */
export class WatchedExporter implements SpanExporter {
  readonly #inner: NamedExporter
  readonly #log: Logger
  readonly #clock: Clock
  #lost = 0
  #failedAt: number | undefined

  constructor(inner: NamedExporter, { log, clock }: { readonly log: Logger; readonly clock: Clock }) {
    this.#inner = inner
    this.#log = log
    this.#clock = clock
  }

  /** Milliseconds since the last failure; undefined when the last export went well. */
  get failedForMs(): number | undefined {
    return this.#failedAt === undefined ? undefined : this.#clock.monotonicMs() - this.#failedAt
  }

  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    const ended = (result: ExportResult) => {
      if (result.code === 0) this.#worked()
      else this.#failed(spans.length, result.error)
      done(result)
    }
    try {
      this.#inner.exporter.export(spans, ended)
    } catch (error) {
      ended({ code: 1, error: error instanceof Error ? error : new Error(messageOf(error)) })
    }
  }

  shutdown(): Promise<void> {
    return this.#inner.exporter.shutdown()
  }

  #worked(): void {
    if (this.#failedAt === undefined) return
    this.#log.info({ to: this.#inner.where, lost: this.#lost }, 'traces are exported again')
    this.#failedAt = undefined
    this.#lost = 0
  }

  #failed(count: number, error: Error | undefined): void {
    const isFirst = this.#failedAt === undefined
    this.#failedAt = this.#clock.monotonicMs()
    this.#lost += count
    if (!isFirst) return
    const fields = { to: this.#inner.where, error: reasonOf(error), lost: this.#lost }
    this.#log.warn(fields, 'traces cannot be exported: spans are lost until the collector answers')
  }
}

/** Errors of several addresses have no message of their own. */
function reasonOf(error: Error | undefined): string {
  const causes = error instanceof AggregateError ? error.errors.map(messageOf).join(', ') : ''
  return causes || (error === undefined ? 'no reason given' : messageOf(error))
}
