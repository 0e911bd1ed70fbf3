/** The plugin `jobs`: takes jobs from pipelines and deals them to workers. */
import { all, definePlugin, Metrics, optional, Pools, Probe, QueueStates, Rpc, Tracing } from '../../index.js'
import { JobDriver } from '../../work/driver.js'
import { Jobs } from '../../work/jobs.js'
import { jobsSection } from './section.js'

export default definePlugin({
  name: 'jobs',
  on: 'section',
  needs: {
    pools: Pools,
    rpc: Rpc,
    drivers: all(JobDriver),
    metrics: optional(Metrics),
    tracing: optional(Tracing),
  },
  provides: [QueueStates, Jobs, Probe],
  config: jobsSection,
  async setup({ config: settings, needs, log, clock, announce, defer }) {
    // Workers that speak `raw` are those of `lambda`.
    const mode = settings.mode === 'raw' ? 'lambda' : 'jobs'
    const openPool = (pool: typeof settings.pool) => needs.pools.open(pool, { name: 'jobs', mode })
    const { startJobs } = await import('./start.js')
    return startJobs({ settings, openPool, ...needs, log, clock, announce, defer })
  },
})
