/** Starts the plugin: the services of its files, its listener, the calls' way to the pool, and its life. */
import { randomBytes } from 'node:crypto'
import {
  type Announcement,
  type Clock,
  type Logger,
  type MetricsService,
  onAbort,
  type PluginLife,
  type Pool,
  type PoolsService,
} from '../../index.js'
import { BodyBudget } from '../../work/http/index.js'
import { openGrpc } from './listening/listener.js'
import { readMethods } from './protos/services.js'
import type { GrpcConfig } from './section.js'
import type { CallParts } from './serving/call-parts.js'
import { callRouter } from './serving/call-router.js'
import { HealthState } from './serving/health.js'
import { observer } from './serving/observer.js'

/** Services and settings of the plugin. */
export interface GrpcOptions {
  readonly settings: GrpcConfig
  readonly pool: Pool
  readonly pools: PoolsService
  readonly metrics: MetricsService | undefined
  readonly log: Logger
  readonly clock: Clock
  readonly announce: (place: Announcement) => void
  readonly defer: (undo: () => unknown) => void
}

const bytesPerMb = 1024 * 1024

/** Begins to listen; calls wait for the first worker. Rejects when a file cannot be read, or the address cannot be listened on. */
export async function startGrpc(options: GrpcOptions): Promise<PluginLife> {
  const { settings, pool, pools, metrics, log, clock, announce, defer } = options
  const methods = await readMethods(settings.proto, log)
  const health = new HealthState(pool, methods.services)
  health.follow(pools)
  const observe = observer({ log, clock, metrics, isAsked: settings.access_logs })
  const stopping = new AbortController()
  const take = callRouter({ parts: callParts(options), methods, health, observe })
  const listener = await openGrpc({
    ...{ settings, take, clock, log, announce, defer },
    stopping: stopping.signal,
  })
  let closed = Promise.resolve()
  return {
    stopTaking: () => {
      health.stop()
      stopping.abort()
      closed = listener.close()
    },
    drain: (signal) => Promise.race([closed, new Promise<void>((resolve) => onAbort(signal, resolve))]),
  }
}

function callParts({ settings, pool, log, clock }: GrpcOptions): CallParts {
  const { limits } = settings
  return {
    ...{ pool, log, clock },
    room: new BodyBudget(limits.buffered),
    receivedBytesMax: settings.max_recv_msg_size * bytesPerMb,
    sentBytesMax: settings.max_send_msg_size * bytesPerMb,
    headBytesMax: limits.head_size,
    requestMsMax: limits.request_timeout,
    writeMsMax: limits.write_timeout,
    isKilled: settings.abandoned === 'kill',
    newId: idMaker(),
  }
}

/** Makes ids of jobs that are unique over servers: a random beginning, and a number. */
function idMaker(): () => string {
  const start = randomBytes(4).toString('hex')
  let count = 0
  return () => {
    count += 1
    return `${start}-${count}`
  }
}
