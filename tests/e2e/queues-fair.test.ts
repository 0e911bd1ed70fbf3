/** `fair_by` of a pipeline: a tenant with many jobs does not delay one with a single job, in queues of each kind, with real workers. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type QueueServer, startQueues } from '../helpers/queues.js'
import { noRedis, redisServer } from '../helpers/redis-server.js'
import { eventually } from '../helpers/wait.js'

const many = 400
/** Jobs of the large tenant that may go before another's: those that the workers run, and what is borrowed ahead for them. */
const before = many / 2

const jobOf = (tenant: string, id: string, more: object = {}) => ({
  id,
  headers: { tenant: [tenant] },
  body: { id, ms: 2, ...more },
})

/** Pushes all jobs of the large tenant first, and then one of each small one; returns the ends once these are done. */
async function race(server: QueueServer): Promise<readonly string[]> {
  await server.push('mail', ...Array.from({ length: many }, (_, at) => jobOf('large', `large-${at}`)))
  await server.push('mail', jobOf('b', 'b'), jobOf('c', 'c'))
  await server.call('jobs.Resume', { pipelines: ['mail'] })
  await eventually(() => ['b', 'c'].every((id) => server.lines('done').includes(id)))
  const done = server.lines('done')
  await eventually(() => new Set(server.lines('done')).size === many + 2)
  return done
}

const section = (driver: string, ...keys: readonly string[]) => [
  'pipelines:',
  `  mail: { driver: ${[driver, ...keys].join(', ')} }`,
]

test('without `fair_by` jobs run as they come', async (t) => {
  const server = await startQueues(t, { jobs: section('memory') })
  const done = await race(server)
  assert.ok(Math.max(done.indexOf('b'), done.indexOf('c')) >= many - 10)
})

for (const driver of ['memory', 'journal', 'redis'])
  test(`in a fair pipeline of ${driver} a tenant with one job does not wait for another one's ${many}`, {
    skip: driver === 'redis' && noRedis,
  }, async (t) => {
    const sections = driver === 'redis' ? [`redis: { addrs: ["${(await redisServer(t)).address}"] }`] : []
    const server = await startQueues(t, { jobs: section(driver, 'fair_by: tenant'), sections })
    const done = await race(server)
    for (const id of ['b', 'c']) {
      const at = done.indexOf(id)
      assert.ok(at >= 0 && at < before, `${id} came as number ${at + 1}`)
    }
    const large = server.lines('done').filter((id) => id.startsWith('large'))
    assert.equal(new Set(large).size, many)
  })

test('a fair pipeline keeps the order of its lanes, while jobs fail and workers die', async (t) => {
  const jobs = [
    'retry: { backoff: 1ms }',
    'pipelines:',
    '  mail: { driver: journal, fair_by: tenant, config: { lane_header: account } }',
  ]
  const server = await startQueues(t, { jobs, workers: 3 })
  const ids = Array.from({ length: 60 }, (_, at) => `${'abc'.charAt(at % 3)}${Math.floor(at / 3)}`)
  const deeds: Readonly<Record<string, string>> = { a3: 'error', b5: 'die', c7: 'error' }
  const pushed = ids.map((id, at) => ({
    ...jobOf(at % 2 === 0 ? 'x' : 'y', id, { deed: deeds[id], times: 1 }),
    headers: { tenant: [at % 2 === 0 ? 'x' : 'y'], account: [id.charAt(0)] },
  }))
  await server.push('mail', ...pushed)
  await server.call('jobs.Resume', { pipelines: ['mail'] })
  await eventually(() => server.lines('done').length === ids.length)
  for (const lane of 'abc') {
    const of = (list: readonly string[]) => list.filter((id) => id.startsWith(lane))
    assert.deepEqual(of(server.lines('done')), of(ids))
  }
})
