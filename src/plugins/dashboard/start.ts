/** Starts the plugin: its HTTP server, the history of the last hour, and the link that logs in. */
import { createServer } from 'node:http'
import {
  type Announcement,
  type Clock,
  isLoopback,
  type LiveStateService,
  type Logger,
  listen,
  type PoolsService,
  type QueueStatesService,
} from '../../index.js'
import { Broadcast } from './broadcast.js'
import { History } from './history.js'
import { readPages } from './pages.js'
import { dashboardRoutes } from './routes.js'
import { type DashboardSettings, hostOf } from './section.js'
import { DashboardSessions } from './sessions.js'

/** Context of the plugin's set-up. */
export interface DashboardContext {
  readonly config: DashboardSettings
  readonly needs: {
    readonly live: LiveStateService
    readonly pools: PoolsService
    readonly queues: ReadonlyMap<string, QueueStatesService>
  }
  readonly log: Logger
  readonly clock: Clock
  readonly announce: (place: Announcement) => void
  readonly defer: (undo: () => unknown) => void
}

const requestMsMax = 10_000
const idleMsMax = 60_000
const connectionsMax = 64

/** Listens, and begins to keep the history. Rejects when the address cannot be had. */
export async function startDashboard(context: DashboardContext): Promise<void> {
  const { config, needs, log, clock, announce, defer } = context
  const { live, pools, queues } = needs
  const { token, hosts, actions: isAllowed } = config
  const pages = await readPages()
  const sessions = new DashboardSessions({ clock, token })
  const history = new History({ live, clock })
  defer(() => history.close())
  const broadcast = new Broadcast({ live, history, clock, log })
  const actions = { live, pools, queues, log, isAllowed }
  const server = createServer(
    { requestTimeout: requestMsMax, headersTimeout: requestMsMax, keepAliveTimeout: idleMsMax },
    dashboardRoutes({ pages, sessions, broadcast, actions, hosts, hasToken: token !== '', log }),
  )
  server.maxConnections = connectionsMax
  const ending = new AbortController()
  defer(() => {
    broadcast.close()
    ending.abort()
    server.closeAllConnections()
  })
  const address = await listen(server, config.address, ending.signal)
  const url = `http://${address}/`
  announce({ what: 'dashboard', where: token === '' ? `${url}#code=${sessions.makeCode()}` : url })
  if (!isLoopback(hostOf(config.address)))
    log.warn(
      { address },
      'dashboard.allow_remote: who reaches this port and knows the token can reset workers, and the token crosses the network unencrypted',
    )
}
