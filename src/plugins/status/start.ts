/** Starts the plugin: its HTTP server, which answers until the very end of a stop, and the procedures `status.*`. */
import { createServer } from 'node:http'
import {
  type Announcement,
  type Clock,
  type Logger,
  listen,
  type PluginLife,
  type PoolsService,
  type Probe,
  procedure,
  protoMessage,
  type QueueStatesService,
  type ReadinessService,
  type RpcService,
} from '../../index.js'
import { type Check, Checks } from './checks.js'
import { statusRoutes } from './routes.js'
import type { StatusSettings } from './section.js'

/** Context of the plugin's set-up. */
export interface StatusContext {
  readonly config: StatusSettings
  readonly needs: {
    readonly pools: PoolsService
    readonly readiness: ReadinessService
    readonly rpc: RpcService
    readonly probes: ReadonlyMap<string, Probe>
    readonly queues: ReadonlyMap<string, QueueStatesService>
  }
  readonly log: Logger
  readonly clock: Clock
  readonly announce: (place: Announcement) => void
  readonly defer: (undo: () => unknown) => void
}

// A probe sends one short request, and its kind may keep the connection.
const requestMsMax = 10_000
const idleMsMax = 60_000
const connectionsMax = 256

const request = protoMessage({ plugin: [1, 'string'] })
const reply = protoMessage({ code: [1, 'int'], message: [2, 'string'] })

/** Listens and registers the procedures. Rejects when the address cannot be had. */
export async function startStatus(context: StatusContext): Promise<PluginLife> {
  const { config, needs, log, clock, announce, defer } = context
  const { pools, probes, readiness, queues, rpc } = needs
  const unavailable = config.unavailable_status_code
  const checks = new Checks({ pools, probes, readiness, timeoutMs: config.check_timeout * 1000, clock })
  let isStopping = false
  const server = createServer(
    { requestTimeout: requestMsMax, headersTimeout: requestMsMax, keepAliveTimeout: idleMsMax },
    statusRoutes({ checks, queues, unavailable, isStopping: () => isStopping, log }),
  )
  server.maxConnections = connectionsMax
  const ending = new AbortController()
  defer(() => {
    ending.abort()
    server.closeAllConnections()
  })
  announce({ what: 'status', where: `http://${await listen(server, config.address, ending.signal)}` })
  const ask = (check: Check) =>
    procedure({
      input: { type: 'object', properties: { plugin: { type: 'string', default: '' } } },
      request,
      reply,
      call: async ({ plugin }) => {
        const report = await checks.one(plugin, check)
        if (report === undefined)
          throw new Error(`checker_rpc_${operations[check]}: no such plugin: ${plugin}`)
        return { code: report.isFine ? 200 : unavailable, message: report.why }
      },
    })
  rpc.register('status', { Status: ask('health'), Ready: ask('ready') })
  return {
    stopTaking: () => {
      isStopping = true
    },
  }
}

/** RoadRunner's names of the operations, in front of an error's text. */
const operations: Readonly<Record<Check, string>> = { health: 'status', ready: 'ready' }
