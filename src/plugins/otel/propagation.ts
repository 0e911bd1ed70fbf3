/** Trace contexts in headers: W3C's `traceparent`, `tracestate` and `baggage`, and X-Ray's where it is the only one. */
import type { Context, TextMapPropagator } from '@opentelemetry/api'
import type { WorkTrace } from '../../index.js'
import type { OtelPackages } from './packages.js'
import { readXRay } from './x-ray.js'

/** Headers that workers are given. */
export const headerNames = ['traceparent', 'tracestate', 'baggage'] as const

type ReadHeader = (name: string) => string | undefined

const reading = {
  get: (header: ReadHeader, name: string) => header(name.toLowerCase()),
  keys: () => [...headerNames],
}

/** Reads and writes contexts. */
export class Propagation {
  readonly #api: OtelPackages['api']
  readonly #propagator: TextMapPropagator

  constructor({ api, core }: OtelPackages) {
    this.#api = api
    const propagators = [new core.W3CTraceContextPropagator(), new core.W3CBaggagePropagator()]
    this.#propagator = new core.CompositePropagator({ propagators })
  }

  /** Context that came with work; the root's where there is none. */
  read(header: ReadHeader): Context {
    const { ROOT_CONTEXT, trace, TraceFlags } = this.#api
    const context = this.#propagator.extract(ROOT_CONTEXT, header, reading)
    if (trace.getSpanContext(context) !== undefined) return context
    const ray = header('x-amzn-trace-id')
    const span = ray === undefined ? undefined : readXRay(ray)
    if (span === undefined) return context
    return trace.setSpanContext(context, { ...span, traceFlags: TraceFlags.SAMPLED, isRemote: true })
  }

  /** Headers of a context. */
  write(context: Context): WorkTrace['headers'] {
    const headers: [string, string][] = []
    this.#propagator.inject(context, headers, {
      set: (to, name, value) => to.push([name.toLowerCase(), value]),
    })
    return headers
  }
}
