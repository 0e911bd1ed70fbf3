/** The plugin `dashboard`: one web page that shows what the server does and lets an operator act on it. Off unless it is configured. */
import { all, definePlugin, LiveStateKey, Pools, QueueStates } from '../../index.js'
import { dashboardSection } from './section.js'

export default definePlugin({
  name: 'dashboard',
  on: 'section',
  needs: { live: LiveStateKey, pools: Pools, queues: all(QueueStates) },
  config: dashboardSection,
  async setup(context) {
    const { startDashboard } = await import('./start.js')
    await startDashboard(context)
  },
})
