/** The driver `postgres` keeps what its table of guarantees says, against a real PostgreSQL. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { postgresGuarantees } from '../../../src/plugins/postgres/guarantees.js'
import { type CaseContext, type DriverBroker, type QueueWish, testJobDriver } from '../../../testing/index.js'
import { noPostgres, type PostgresServer, startPostgres } from '../../helpers/postgres-server.js'

let shared: PostgresServer | undefined
let tableCount = 0

before(async () => {
  if (noPostgres === false) shared = await startPostgres()
})
after(() => shared?.end())

function queueOn({ url }: PostgresServer, { lanes, leaseMs }: QueueWish) {
  tableCount += 1
  return {
    config: { lease: `${leaseMs}ms`, ...(lanes ? { lane_header: 'x-lane' } : {}) },
    sections: { postgres: { url, table: `jobs_${tableCount}` } },
  }
}

async function broker(t: CaseContext, wish: QueueWish): Promise<DriverBroker> {
  const server = await startPostgres()
  t.after(() => server.end())
  const { stop, kill, start } = server
  return { ...queueOn(server, wish), stop, kill, start }
}

if (noPostgres === false)
  testJobDriver({
    driver: 'postgres',
    queue: async (_, wish) => {
      assert.ok(shared !== undefined)
      return queueOn(shared, wish)
    },
    broker,
    guarantees: postgresGuarantees,
  })
else test('the conformance of postgres', { skip: noPostgres }, () => undefined)
