/** Middleware by the names of `http.middleware`: RoadRunner's, and those that plugins bring. */
import {
  type Clock,
  ErrorCode,
  type HttpMiddleware,
  type MetricsService,
  RelayError,
} from '../../../index.js'
import { compressor } from '../../../work/http/index.js'
import { addFacts } from '../node/facts.js'
import type { HttpConfig } from '../section.js'
import { headersMiddleware } from './headers.js'
import { httpMetrics } from './http-metrics.js'
import { privateSubnets, proxyAddress } from './proxy-address.js'
import { staticFiles } from './static-files.js'

/** Services of middleware. */
export interface MiddlewareOptions {
  readonly config: HttpConfig
  readonly clock: Clock
  readonly metrics: MetricsService | undefined
  /** Middleware that plugins provide. */
  readonly provided: readonly HttpMiddleware[]
}

/** Answers of fewer bytes are not worth the time; `compression` has the same default. */
const compressedBytesMin = 1024

/** Makes the middleware that the section lists, in its order. Rejects with RR_CONFIG_INVALID for a name that nothing provides. */
export async function middlewareOf(options: MiddlewareOptions): Promise<readonly HttpMiddleware[]> {
  const { config, provided } = options
  // On the command line RoadRunner's users write `static,gzip`.
  const names = config.middleware.flatMap((one) => one.split(',')).map((one) => one.trim())
  const made: HttpMiddleware[] = []
  for (const name of names.filter((one) => one !== '')) {
    const own = makers[name]
    const given = provided.find((one) => one.name === name)
    const one = given ?? (await own?.(options))
    if (one === undefined && own === undefined) throw unknown(name, provided)
    if (one !== undefined) made.push(one)
  }
  return made
}

type Maker = (options: MiddlewareOptions) => HttpMiddleware | undefined | Promise<HttpMiddleware>

const makers: Readonly<Record<string, Maker>> = {
  static: ({ config, clock }) => staticFiles(config.static, () => clock.monotonicMs()),
  gzip: async () => ({ name: 'gzip', handle: await compressor(compressedBytesMin) }),
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
    handle(request, _response, next) {
      addFacts(request, { sendsFiles: true })
      next()
    },
  }),
  // Without the plugin `metrics` nothing reads them.
  http_metrics: ({ metrics, clock }) =>
    metrics === undefined ? undefined : httpMetrics(metrics, () => clock.monotonicMs()),
}

function unknown(name: string, provided: readonly HttpMiddleware[]): RelayError {
  const known = [...Object.keys(makers), ...provided.map((one) => one.name)].join(', ')
  return new RelayError(ErrorCode.ConfigInvalid, `http.middleware names "${name}", which nothing provides`, {
    hint: `There are: ${known}. List the plugin that brings it under \`plugins:\`.`,
  })
}
