/** The plugin `postgres`: provides the driver of pipelines in a table of PostgreSQL. */
import { definePlugin } from '../../index.js'
import { JobDriver } from '../../work/driver.js'
import { postgresPart, postgresSection } from './part.js'

export default definePlugin({
  name: 'postgres',
  on: (_, sections) => sections.has('jobs'),
  provides: JobDriver,
  parts: { [JobDriver.name]: [postgresPart] },
  config: postgresSection,
  async setup({ config: settings, clock, log, defer }) {
    const { postgresDriver } = await import('./driver.js')
    const { driver, close } = postgresDriver({ settings, clock, log })
    defer(close)
    return { service: driver }
  },
})
