/** The plugin `laravel-database`: provides the driver of pipelines over the `jobs` table of Laravel applications. */
import { definePlugin } from '../../index.js'
import { JobDriver } from '../../work/driver.js'
import { laravelDatabasePart } from './part.js'

export default definePlugin({
  name: 'laravel-database',
  on: 'named',
  provides: JobDriver,
  parts: { [JobDriver.name]: [laravelDatabasePart] },
  async setup({ clock }) {
    const { laravelDatabaseDriver } = await import('./driver.js')
    return { service: laravelDatabaseDriver(clock) }
  },
})
