/** The plugin `grpc`: takes unary gRPC calls and deals them to workers, as RoadRunner's plugin of this name does. */
import { definePlugin, Metrics, optional, Pools } from '../../index.js'
import { grpcSection, poolOf } from './section.js'

export default definePlugin({
  name: 'grpc',
  on: 'section',
  needs: { pools: Pools, metrics: optional(Metrics) },
  config: grpcSection,
  async setup({ config: settings, needs, log, clock, announce, defer }) {
    // The workers boot while the rest is loaded.
    const pool = needs.pools.open(poolOf(settings), { name: 'grpc', mode: 'grpc' })
    const { startGrpc } = await import('./start.js')
    const { metrics, pools } = needs
    return startGrpc({ settings, pool, pools, metrics, log, clock, announce, defer })
  },
})
