/** The plugin `status`: answers health checks over HTTP and RPC with what the plugins say of themselves. */
import { all, definePlugin, Pools, Probe, QueueStates, Readiness, Rpc } from '../../index.js'
import { statusSection } from './section.js'

export default definePlugin({
  name: 'status',
  on: 'section',
  needs: { pools: Pools, readiness: Readiness, rpc: Rpc, probes: all(Probe), queues: all(QueueStates) },
  config: statusSection,
  async setup(context) {
    const { startStatus } = await import('./start.js')
    return startStatus(context)
  },
})
