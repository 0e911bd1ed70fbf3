/** The driver `postgres`: pipelines in a table. All of them share one database, which is opened with the first. */
import { type JobDriver, jobDriver } from '../../work/driver.js'
import { Database, type DatabaseOptions } from './database.js'
import { postgresPart } from './part.js'
import { PostgresSource } from './postgres-source.js'

/** Makes the driver, and what closes its connections. `open` rejects with RR_DRIVER_PACKAGE without `pg`. */
export function postgresDriver(options: DatabaseOptions): {
  readonly driver: JobDriver
  readonly close: () => Promise<void>
} {
  let database: Promise<Database> | undefined
  const driver = jobDriver(postgresPart, async ({ name, config }) => {
    database ??= Database.load(options)
    const opened = await database
    await opened.ready()
    const { clock } = options
    const { poll_interval: pollMs } = options.settings
    return new PostgresSource({ database: opened, clock, pollMs, pipeline: name, config })
  })
  return { driver, close: async () => (await database?.catch(() => undefined))?.close() }
}
