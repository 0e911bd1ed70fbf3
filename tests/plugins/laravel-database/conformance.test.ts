/** The driver `laravel-database` keeps what its table of guarantees says, on a real MariaDB and a real PostgreSQL. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { laravelDatabaseGuarantees } from '../../../src/plugins/laravel-database/guarantees.js'
import { type CaseContext, type DriverBroker, type QueueWish, testJobDriver } from '../../../testing/index.js'
import { mysqlJobsTable, postgresJobsTable } from '../../helpers/laravel-jobs-table.js'
import { noMariaDb, startMariaDb } from '../../helpers/mariadb-server.js'
import { noPostgres, startPostgres } from '../../helpers/postgres-server.js'

type Server = Awaited<ReturnType<typeof startMariaDb | typeof startPostgres>>

const databases = [
  { name: 'MariaDB', skip: noMariaDb, begin: startMariaDb, table: mysqlJobsTable },
  { name: 'PostgreSQL', skip: noPostgres, begin: startPostgres, table: postgresJobsTable },
] as const

for (const { name, skip, begin, table } of databases) {
  let shared: Server | undefined
  let tableCount = 0
  before(async () => {
    if (skip === false) shared = await begin()
  })
  after(() => shared?.end())

  const queueOn = async (server: Server, { leaseMs }: QueueWish) => {
    tableCount += 1
    const own = `jobs_${tableCount}`
    await server.query(table(own))
    return {
      config: { url: server.url, table: own, retry_after: Math.ceil(leaseMs / 1000), poll_interval: '100ms' },
    }
  }
  const broker = async (t: CaseContext, wish: QueueWish): Promise<DriverBroker> => {
    const server = await begin()
    t.after(() => server.end())
    const { stop, kill, start } = server
    return { ...(await queueOn(server, wish)), stop, kill, start }
  }

  if (skip === false)
    testJobDriver({
      driver: 'laravel-database',
      queue: async (_, wish) => {
        assert.ok(shared !== undefined)
        return queueOn(shared, wish)
      },
      broker,
      guarantees: laravelDatabaseGuarantees,
    })
  else test(`the conformance of laravel-database on ${name}`, { skip }, () => undefined)
}
