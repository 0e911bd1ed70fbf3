/** The plugin `http`: takes HTTP requests and deals them to workers, as RoadRunner's plugin of this name does. */
import { definePlugin, Pools } from '../../index.js'
import { httpSection } from './section.js'

export default definePlugin({
  name: 'http',
  on: 'section',
  needs: { pools: Pools },
  config: httpSection,
  async setup({ config: settings, needs, log, clock, announce, defer }) {
    // The workers boot while the rest is loaded.
    const pool = needs.pools.open(settings.pool, { name: 'http', mode: 'http' })
    const { startHttp } = await import('./start.js')
    return startHttp({ settings, pool, log, clock, announce, defer })
  },
})
