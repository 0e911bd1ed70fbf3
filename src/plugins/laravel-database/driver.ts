/** The driver `laravel-database`: pipelines over the `jobs` table of Laravel applications, beside `queue:work` or in its place. */
import type { Clock } from '../../index.js'
import { type JobDriver, jobDriver } from '../../work/driver.js'
import { parseAddress } from './address.js'
import { JobTable } from './job-table.js'
import { laravelDatabasePart } from './part.js'
import { LaravelDatabaseSource } from './source.js'

/** Makes the driver. `open` rejects with RR_DRIVER_PACKAGE without the client of its database, and with a queue's fault without the table. */
export function laravelDatabaseDriver(clock: Clock): JobDriver {
  return jobDriver(laravelDatabasePart, async ({ name, config }) => {
    const { url = '', table, connections } = config
    const address = parseAddress(url)
    const options = { address, url, table, connections }
    const database =
      address.kind === 'postgres'
        ? await (await import('./postgres.js')).openPostgres(options)
        : await (await import('./mysql.js')).openMysql(options)
    try {
      const jobs = await JobTable.open(database, table)
      return new LaravelDatabaseSource({ jobs, clock, pipeline: name, config })
    } catch (error) {
      await database.close()
      throw error
    }
  })
}
