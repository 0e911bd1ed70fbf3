/** The plugin `metrics`: shows the metrics of the server, its plugins and the workers' applications to Prometheus. */
import { definePlugin, Metrics, Pools, Rpc } from '../../index.js'
import { metricsSection } from './section.js'

export default definePlugin({
  name: 'metrics',
  on: 'section',
  needs: { pools: Pools, rpc: Rpc },
  provides: Metrics,
  config: metricsSection,
  async setup(context) {
    const { startMetrics } = await import('./start.js')
    return startMetrics(context)
  },
})
