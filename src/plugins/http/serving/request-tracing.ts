/** Traces of requests that reach a worker, whichever reader read them. Made where the plugin `otel` is on. */
import type { TracingService, WorkTrace } from '../../../index.js'
import type { RequestLook } from './request-look.js'

/** Facts about a request that its head does not tell. */
export interface TracedFacts {
  readonly remoteAddr: string
  readonly isSecure: boolean
  /** Version of HTTP, such as `1.1`. */
  readonly version: string
}

/** A trace with the headers that its worker is told. */
export class RequestTracing {
  /** Names of those headers, in lower case; a client's own are replaced. */
  readonly names: readonly string[]
  readonly #tracing: TracingService

  constructor(tracing: TracingService) {
    this.#tracing = tracing
    this.names = tracing.headerNames
  }

  /** Begins the trace of a request. Its query is left out: it may hold secrets. */
  begin(look: RequestLook, { remoteAddr, isSecure, version }: TracedFacts): WorkTrace {
    const { method, target } = look
    const query = target.indexOf('?')
    const host = look.header('host') ?? ''
    const port = /:(\d+)$/.exec(host)?.[1]
    return this.#tracing.begin({
      name: method,
      kind: 'server',
      header: (name) => look.header(name),
      attributes: {
        'http.request.method': method,
        'url.path': query < 0 ? target : target.slice(0, query),
        'url.scheme': isSecure ? 'https' : 'http',
        'server.address': port === undefined ? host : host.slice(0, -port.length - 1),
        'server.port': port === undefined ? undefined : Number(port),
        'client.address': remoteAddr,
        'user_agent.original': look.header('user-agent'),
        'network.protocol.version': version,
      },
    })
  }
}

/** Ends the trace of a request with the status of its answer. */
export function endTrace(trace: WorkTrace, status: number, bytes: number | undefined): void {
  const attributes = { 'http.response.status_code': status, 'http.response.body.size': bytes }
  trace.end(status >= 500 ? { attributes, error: String(status) } : { attributes })
}
