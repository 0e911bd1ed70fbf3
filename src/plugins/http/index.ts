/** The plugin `http`: takes HTTP requests and deals them to workers, as RoadRunner's plugin of this name does. */
import { all, definePlugin, HttpMiddleware, Metrics, optional, Pools, Tracing } from '../../index.js'
import { httpSection } from './section.js'

export default definePlugin({
  name: 'http',
  on: 'section',
  needs: {
    pools: Pools,
    metrics: optional(Metrics),
    tracing: optional(Tracing),
    middleware: all(HttpMiddleware),
  },
  config: httpSection,
  async setup({ config: settings, needs, log, clock, announce, defer }) {
    // The workers boot while the rest is loaded.
    const pool = needs.pools.open(settings.pool, { name: 'http', mode: 'http' })
    const routes = Object.entries(settings.pools).map(([name, { match, ...keys }]) => ({
      match,
      to: needs.pools.open(keys, { name: `http-${name}`, mode: 'http' }),
    }))
    const { startHttp } = await import('./start.js')
    const { metrics, tracing, middleware } = needs
    return startHttp({ settings, pool, routes, metrics, tracing, middleware, log, clock, announce, defer })
  },
})
