import assert from 'node:assert/strict'
import { after, before, type TestContext, test } from 'node:test'
import { systemClock } from '../../../src/core/clock.js'
import { silentLogger } from '../../../src/logging/logger.js'
import { postgresDriver } from '../../../src/plugins/postgres/driver.js'
import type { NewJob, Source } from '../../../src/work/source.js'
import { recordingLogger } from '../../helpers/pool.js'
import { noPostgres, type PostgresServer, startPostgres } from '../../helpers/postgres-server.js'
import { newJob } from '../../helpers/queue-source.js'

const skip = noPostgres
const never = new AbortController().signal
const done = { kind: 'done', body: new Uint8Array() } as const
let server: PostgresServer
let tableCount = 0

before(async () => {
  if (skip === false) server = await startPostgres()
})
after(() => server?.end())

const settingsOf = (more: object = {}) => ({
  url: server.url,
  table: `own_${++tableCount}`,
  create_table: true,
  connections: 4,
  poll_interval: 60_000,
  ...more,
})
const keys = { queue: '', priority: 10, prefetch: 100, lease: 30_000, lane_header: '' }

/** A driver and its table. */
function driverOf(t: TestContext, more: object = {}, log = silentLogger) {
  const settings = settingsOf(more)
  const { driver, close } = postgresDriver({ settings, clock: systemClock, log })
  t.after(close)
  const open = (config: object = {}): Promise<Source> =>
    driver.open({ name: 'mail', config: { ...keys, ...config } })
  return { open, table: settings.table }
}

const push = (source: Source, ...jobs: readonly Partial<NewJob>[]) => source.push?.(jobs.map(newJob))

test('a table that may not be made is told with the SQL that makes it, and used once it is there', {
  skip,
}, async (t) => {
  const log = recordingLogger()
  const { open, table } = driverOf(t, { create_table: false }, log)
  await assert.rejects(open(), { code: 'RR_QUEUE_MISSING', hint: /Run the SQL of the log/ })
  const [line] = log.lines
  assert.equal(line?.fields.table, table)
  await server.query(String(line?.fields.sql))
  const source = await open()
  await push(source, { id: 'a' })
  assert.equal((await source.pull(1, never)).length, 1)
  assert.equal(source.queue, 'mail')
})

test('a table of another program is left alone', { skip }, async (t) => {
  const { open, table } = driverOf(t)
  await server.query(`CREATE TABLE ${table} (id int)`)
  await assert.rejects(open(), { code: 'RR_QUEUE_MISSING', message: /is not one of jobs/ })
})

test('a refused user, a database that is missing and one that is down are told apart, without the password', {
  skip,
}, async (t) => {
  await server.query("DROP ROLE IF EXISTS locked; CREATE ROLE locked LOGIN PASSWORD 'secret' NOINHERIT")
  const cases = [
    [server.url.replace('app@', 'nobody:hunter2@'), 'RR_QUEUE_DENIED'],
    [server.url.replace(/postgres$/, 'nowhere'), 'RR_QUEUE_MISSING'],
    ['postgres://app:hunter2@127.0.0.1:1/postgres', 'RR_QUEUE_UNREACHABLE'],
    [server.url.replace('app@', 'locked:hunter2@'), 'RR_QUEUE_DENIED'],
  ] as const
  for (const [url, code] of cases) {
    const { open } = driverOf(t, { url })
    await assert.rejects(open(), (error: unknown) => {
      const { code: found, message, hint } = Object(error)
      assert.equal(found, code, message)
      assert.ok(!`${message} ${hint}`.includes('hunter2'), message)
      assert.ok(typeof hint === 'string')
      return true
    })
  }
})

test('an application adds jobs by SQL in its own transaction, and a waiting server hears of them at once', {
  skip,
}, async (t) => {
  const { open, table } = driverOf(t)
  const source = await open()
  const pulled = source.pull(1, never, 30_000)
  const since = performance.now()
  await server.query(`BEGIN; INSERT INTO ${table} (queue, name, body, headers)
    VALUES ('mail', 'app.job', '{"n":1}', '{"tenant":"7"}'); COMMIT`)
  const [delivery] = await pulled
  assert.ok(performance.now() - since < 10_000)
  assert.deepEqual([String(delivery?.body), delivery?.headers], ['{"n":1}', { tenant: ['7'] }])
})

test('a job of a higher priority is taken before a row of lower ones, which are not starved', {
  skip,
}, async (t) => {
  const source = await driverOf(t).open()
  for (const priority of [1, 100])
    await push(source, ...Array.from({ length: 60 }, () => ({ body: String(priority), priority })))
  const order: string[] = []
  while (order.length < 60) {
    const taken = await source.pull(1, never)
    order.push(...taken.map(({ body }) => String(body)))
    await source.settle(taken.map((delivery) => ({ delivery, verdict: done })))
  }
  const high = order.filter((one) => one === '1').length
  // By chance of 100 to 1: 30 of the other kind would be one in ten to the thirty.
  assert.ok(high > 30, `${high} of 60`)
})

test('a lane is worked on by one server at a time, and goes on behind a job that is kept as failed', {
  skip,
}, async (t) => {
  const { open } = driverOf(t)
  const [one, two] = [await open({ lane_header: 'tenant' }), await open({ lane_header: 'tenant' })]
  for (const id of ['a1', 'a2', 'a3']) await push(one, { id, body: id, headers: { tenant: ['a'] } })
  const [first] = await one.pull(3, never)
  assert.deepEqual([String(first?.body), first?.lane], ['a1', 'a'])
  assert.deepEqual(await two.pull(3, never, 0), [])
  const next = two.pull(3, never)
  if (first !== undefined) await one.failed?.keep({ delivery: first, why: 'no good', attempt: 3 })
  assert.deepEqual(
    (await next).map(({ body }) => String(body)),
    ['a2'],
  )
  assert.deepEqual(await one.pull(1, never, 0), [])
})

test('what failed for good stays in the table with its reason, and a redrive counts its tries anew', {
  skip,
}, async (t) => {
  const { open } = driverOf(t)
  const source = await open()
  await push(source, { id: 'a', name: 'app.job' }, { id: 'b' })
  const deliveries = await source.pull(2, never)
  for (const delivery of deliveries) await source.failed?.keep({ delivery, why: 'no good', attempt: 3 })
  const other = await open()
  const kept = (await other.failed?.list(10)) ?? []
  assert.deepEqual(
    kept.map(({ name, why, attempt }) => [name, why, attempt]),
    [
      ['app.job', 'no good', 3],
      ['app.job', 'no good', 3],
    ],
  )
  assert.deepEqual(await other.counts?.(), { active: 0, delayed: 0, reserved: 0 })
  assert.equal(await other.failed?.redrive([kept[0]?.id ?? '', 'not an id']), 1)
  assert.equal(await other.failed?.count(), 1)
  const [again] = await source.pull(2, never)
  assert.deepEqual([again?.id, again?.attempt], [kept[0]?.id, 1])
  await assert.rejects(async () =>
    source.failed?.keep({ delivery: deliveries[0] ?? assert.fail(), why: '', attempt: 1 }),
  )
})

test('a job that was done while the database restarts is settled once it is back', { skip }, async (t) => {
  const { open } = driverOf(t)
  const source = await open()
  await push(source, { id: 'a' })
  const [delivery] = await source.pull(1, never)
  assert.ok(delivery !== undefined)
  await server.stop()
  const settled = source.settle([{ delivery, verdict: done }])
  await assert.rejects(source.pull(1, never, 0), { code: 'RR_QUEUE_UNREACHABLE' })
  await server.start()
  assert.deepEqual(await settled, [undefined])
  assert.deepEqual(await source.counts?.(), { active: 0, delayed: 0, reserved: 0 })
})
