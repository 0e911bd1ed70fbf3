/** Middleware by the names of `http.middleware`: RoadRunner's, and those that plugins bring. */
import {
  type Clock,
  ErrorCode,
  type HttpMiddleware,
  type MetricsService,
  RelayError,
  type TracingService,
} from '../../../index.js'
import { isToken } from '../../../work/http/index.js'
import { middlewareNames } from '../middleware-keys.js'
import { addFacts } from '../node/facts.js'
import type { HttpConfig } from '../section.js'
import { headerOf } from '../serving/answer-head.js'
import { compression } from './compression.js'
import { headersMiddleware } from './headers.js'
import { httpMetrics } from './http-metrics.js'
import { PlainMiddleware } from './plain-middleware.js'
import type { BuiltInMiddleware, PlainPart } from './plain-part.js'
import { addressHeaders, privateSubnets, proxyAddress } from './proxy-address.js'
import { staticFiles } from './static-files.js'

/** Services of middleware. */
export interface MiddlewareOptions {
  readonly config: HttpConfig
  readonly clock: Clock
  readonly metrics: MetricsService | undefined
  readonly tracing: TracingService | undefined
  /** Middleware that plugins provide. */
  readonly provided: readonly HttpMiddleware[]
}

/** The middleware of a section. */
export interface SectionMiddleware {
  /** For requests of node:http. */
  readonly all: readonly HttpMiddleware[]
  /** The same for plain requests; undefined when there is one among them that only node:http can run. */
  readonly plain: PlainMiddleware | undefined
}

/** Makes the middleware that the section lists, in its order. Rejects with RR_CONFIG_INVALID for a name that nothing provides. */
export async function middlewareOf(options: MiddlewareOptions): Promise<SectionMiddleware> {
  const { config, provided } = options
  // On the command line RoadRunner's users write `static,gzip`.
  const names = config.middleware.flatMap((one) => one.split(',')).map((one) => one.trim())
  const made: HttpMiddleware[] = []
  const parts: PlainPart[] = []
  for (const name of names.filter((one) => one !== '')) {
    const given = provided.find((one) => one.name === name)
    const make = makerOf(name)
    if (given === undefined && make === undefined) throw unknown(name, provided)
    const own = given === undefined ? await make?.(options) : undefined
    const one = given ?? own
    if (one !== undefined) made.push(one)
    if (own !== undefined) parts.push(own.plain)
  }
  return { all: made, plain: plainOf(made, parts, config) }
}

function plainOf(
  made: readonly HttpMiddleware[],
  parts: readonly PlainPart[],
  config: HttpConfig,
): PlainMiddleware | undefined {
  const names = new Set(made.map((one) => one.name))
  if (parts.length < made.length || names.size < made.length) return undefined
  const told = names.has('headers') ? Object.entries(config.headers.request) : []
  return told.every(isOrdinary) ? new PlainMiddleware(parts) : undefined
}

// Workers are told these in ways of their own, or other middleware looks at them.
const peculiar: ReadonlySet<string> = new Set([
  ...['host', 'transfer-encoding', 'trailer', 'cookie', 'origin', 'accept-encoding'],
  ...['connection', 'content-length', 'content-type', 'expect', 'te', 'upgrade'],
  ...addressHeaders,
])

/** True for a header that can be added to plain requests as it stands. */
function isOrdinary([name, value]: readonly [string, string]): boolean {
  return (
    isToken(name) &&
    !peculiar.has(name.toLowerCase()) &&
    /^[\x20-\x7e]*$/.test(value) &&
    value === value.trim()
  )
}

type Maker = (options: MiddlewareOptions) => BuiltInMiddleware | undefined | Promise<BuiltInMiddleware>

const makers: Readonly<Record<(typeof middlewareNames)[number], Maker>> = {
  static: ({ config, clock }) => staticFiles(config.static, () => clock.monotonicMs()),
  gzip: () => compression(),
  headers: ({ config }) => headersMiddleware(config.headers),
  proxy_ip_parser: ({ config }) => {
    const { trusted_subnets: subnets } = config
    try {
      return proxyAddress(subnets.length === 0 ? privateSubnets : subnets)
    } catch (cause) {
      const what = `http.trusted_subnets: ${cause instanceof Error ? cause.message : ''}`
      throw new RelayError(ErrorCode.ConfigInvalid, what, { cause })
    }
  },
  sendfile: () => ({
    name: 'sendfile',
    plain: { takes: (head) => (headerOf(head, 'x-sendfile') === undefined ? undefined : () => true) },
    handle(request, _response, next) {
      addFacts(request, { sendsFiles: true })
      next()
    },
  }),
  // Without the plugin `metrics` nothing reads them.
  // The plugin traces all requests that reach a worker, whether or not it is named here.
  otel: ({ tracing }) => {
    if (tracing !== undefined) return undefined
    throw new RelayError(
      ErrorCode.ConfigInvalid,
      'http.middleware names "otel", and there is no section "otel"',
      {
        hint: 'Add `otel: { endpoint: …, insecure: true }`, or remove the word.',
      },
    )
  },
  http_metrics: ({ metrics, clock }) =>
    metrics === undefined ? undefined : httpMetrics(metrics, () => clock.monotonicMs()),
}

function makerOf(name: string): Maker | undefined {
  const known = middlewareNames.find((one) => one === name)
  return known && makers[known]
}

function unknown(name: string, provided: readonly HttpMiddleware[]): RelayError {
  const known: string = [...middlewareNames, ...provided.map((one) => one.name)].join(', ')
  return new RelayError(ErrorCode.ConfigInvalid, `http.middleware names "${name}", which nothing provides`, {
    hint: `There are: ${known}. List the plugin that brings it under \`plugins:\`.`,
  })
}
