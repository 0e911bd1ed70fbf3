/** Starts the plugin: the scrape over HTTP, the procedures, and what the server itself counts. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import {
  type Announcement,
  type Clock,
  type Logger,
  listen,
  type Metrics,
  messageOf,
  type PoolsService,
  type RpcService,
  type RunningPlugin,
} from '../../index.js'
import { AppMetrics } from './app-metrics.js'
import { watchPools } from './pool-metrics.js'
import { metricsProcedures } from './procedures.js'
import { MetricsRegistry } from './registry.js'
import type { MetricsSettings } from './section.js'

/** Context of the plugin's set-up. */
export interface MetricsContext {
  readonly config: MetricsSettings
  readonly needs: { readonly pools: PoolsService; readonly rpc: RpcService }
  readonly log: Logger
  readonly clock: Clock
  readonly announce: (place: Announcement) => void
  readonly defer: (undo: () => unknown) => void
}

const requestMsMax = 10_000
const idleMsMax = 120_000
const connectionsMax = 256
const compressed = promisify(gzip)

/** Listens, declares the metrics of the file and registers the procedures. Rejects for an address or a metric that cannot be had. */
export async function startMetrics(context: MetricsContext): Promise<RunningPlugin<typeof Metrics>> {
  const { config, needs, log, clock, announce, defer } = context
  const registry = new MetricsRegistry({ clock, log })
  watchPools(needs.pools, registry)
  const appMetrics = new AppMetrics(registry, log)
  for (const [name, collector] of Object.entries(config.collect)) appMetrics.declare(name, collector)
  needs.rpc.register('metrics', metricsProcedures(appMetrics))
  const server = createServer(
    { requestTimeout: requestMsMax, headersTimeout: requestMsMax, keepAliveTimeout: idleMsMax },
    (request, response) => {
      void answer(request, response, registry).catch((error: unknown) => {
        log.error({ error: messageOf(error) }, 'a scrape failed')
        response.destroy()
      })
    },
  )
  server.maxConnections = connectionsMax
  const ending = new AbortController()
  defer(() => {
    ending.abort()
    server.closeAllConnections()
  })
  const address = await listen(server, config.address, ending.signal)
  announce({ what: 'metrics', where: `http://${address}/metrics` })
  return { service: registry }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  registry: MetricsRegistry,
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { Allow: 'GET, HEAD' }).end()
    return
  }
  const text = await registry.scrape()
  const isGzip = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''))
  const body = isGzip ? await compressed(text) : Buffer.from(text)
  response.writeHead(200, {
    'Content-Type': registry.contentType,
    'Content-Length': body.length,
    ...(isGzip ? { 'Content-Encoding': 'gzip' } : {}),
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}
