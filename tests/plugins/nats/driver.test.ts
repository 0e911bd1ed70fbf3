import assert from 'node:assert/strict'
import { after, before, type TestContext, test } from 'node:test'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { systemClock } from '../../../src/core/clock.js'
import { natsDriver } from '../../../src/plugins/nats/driver.js'
import { jobsProtocol } from '../../../src/work/protocols/jobs.js'
import type { NewJob, Source } from '../../../src/work/source.js'
import { type NatsServer, noNats, startNats } from '../../helpers/nats-server.js'
import { newJob } from '../../helpers/queue-source.js'

const skip = noNats
const never = new AbortController().signal
const done = { kind: 'done', body: new Uint8Array() } as const
const retry = { kind: 'retry', why: { kind: 'retry', message: 'once more' } } as const
let server: NatsServer
let queueCount = 0

before(async () => {
  if (skip === false) server = await startNats()
})
after(() => server?.end())

const keysOf = (more: object = {}) => {
  queueCount += 1
  return {
    subject: `own.${queueCount}`,
    stream: `own-${queueCount}`,
    consumer: '',
    priority: 10,
    prefetch: 100,
    ack_wait: 30,
    max_deliver: 0,
    deliver_new: false,
    delete_after_ack: false,
    delete_stream_on_stop: false,
    ...more,
  }
}

function driverOf(t: TestContext, address = server.address) {
  const { driver, close } = natsDriver({ address, clock: systemClock })
  t.after(close)
  return (config: object): Promise<Source> => driver.open({ name: 'mail', config })
}

/** A client beside ours. */
async function managed(t: TestContext) {
  const connection = await connect({ servers: server.address.replace('nats://', '') })
  t.after(() => connection.close())
  return { connection, manager: await jetstreamManager(connection) }
}

const push = (source: Source, ...jobs: readonly Partial<NewJob>[]) => source.push?.(jobs.map(newJob))

test('what failed for good is kept in a stream of its own, which a restart and other servers see', {
  skip,
}, async (t) => {
  const keys = keysOf()
  const source = await driverOf(t)(keys)
  const headers = { tenant: ['ü'] }
  await push(source, { id: 'a', name: 'app.job', body: 'a', headers }, { id: 'b', body: 'b' })
  const deliveries = await source.pull(2, never)
  assert.equal(deliveries.length, 2)
  for (const delivery of deliveries) await source.failed?.keep({ delivery, why: 'no good: ü', attempt: 3 })
  const other = await driverOf(t)(keys)
  const kept = (await other.failed?.list(10)) ?? []
  assert.deepEqual(
    kept.map(({ name, why, attempt }) => [name, why, attempt]),
    deliveries.map(() => ['app.job', 'no good: ü', 3]),
  )
  assert.ok(Math.abs(Date.now() - (kept[0]?.atMs ?? 0)) < 60_000)
  assert.deepEqual(await other.pull(2, never, 0), [])
  assert.equal(await other.failed?.redrive([kept[0]?.id ?? '', '99']), 1)
  assert.equal(await other.failed?.count(), 1)
  const [again] = await other.pull(2, never)
  assert.deepEqual([String(again?.body), again?.attempt, again?.headers], ['a', 1, headers])
})

test('a consumer with a limit of deliveries of its own keeps what it gives up', { skip }, async (t) => {
  const source = await driverOf(t)(keysOf({ max_deliver: 2 }))
  assert.deepEqual([await source.keepsFailed?.(), source.failed], [true, undefined])
  await push(source, { id: 'a' })
  for (const attempt of [1, 2]) {
    const [delivery] = await source.pull(1, never)
    assert.ok(delivery !== undefined)
    assert.equal(delivery.attempt, attempt)
    await source.settle([{ delivery, verdict: { ...retry, afterMs: 0 } }])
  }
  assert.deepEqual(await source.pull(1, never, 500), [])
})

test('jobs that wait for their time do not count as tries, and do not hold up the others', {
  skip,
}, async (t) => {
  const source = await driverOf(t)(keysOf())
  await push(source, { id: 'later', body: 'later', delayMs: 600 }, { id: 'now', body: 'now' })
  const [first] = await source.pull(2, never)
  const [second] = await source.pull(2, never)
  assert.deepEqual([String(first?.body), String(second?.body), second?.attempt], ['now', 'later', 1])
})

test('jobs that RoadRunner’s driver pushed, and messages of other programs, reach workers', {
  skip,
}, async (t) => {
  const keys = keysOf()
  const source = await driverOf(t)(keys)
  const { connection } = await managed(t)
  const job = {
    job: 'App\\Mail',
    id: 'rr-1',
    payload: Buffer.from('{"to":"ann"}').toString('base64'),
    options: { priority: 3, pipeline: 'mail', auto_ack: false },
  }
  await connection.request(keys.subject, JSON.stringify(job))
  await connection.request(keys.subject, '{"plain":true}')
  const deliveries = await source.pull(2, never)
  const seen = deliveries.map((delivery) => {
    const context = JSON.parse(String(jobsProtocol('mail').toJob([delivery]).context))
    return [context.id, context.job, context.driver, context.queue, String(delivery.body), delivery.priority]
  })
  assert.deepEqual(seen, [
    ['rr-1', 'App\\Mail', 'nats', keys.subject, '{"to":"ann"}', 3],
    ['2', 'deduced_by_rr', 'nats', keys.subject, '{"plain":true}', 10],
  ])
})

test('a stream that is there is left as it is, and `delete_after_ack` empties it', { skip }, async (t) => {
  const keys = keysOf({ delete_after_ack: true })
  const { manager } = await managed(t)
  await manager.streams.add({ name: keys.stream, subjects: [keys.subject] })
  const source = await driverOf(t)(keys)
  await push(source, { id: 'a' })
  const [delivery] = await source.pull(1, never)
  assert.ok(delivery !== undefined)
  assert.deepEqual(await source.settle([{ delivery, verdict: done }]), [undefined])
  const { config, state } = await manager.streams.info(keys.stream)
  assert.deepEqual([config.retention, state.messages, source.queue], ['limits', 0, keys.subject])
})

test('a stream that was deleted is made again; one of other subjects is told', { skip }, async (t) => {
  const keys = keysOf()
  const source = await driverOf(t)(keys)
  const { manager } = await managed(t)
  await manager.streams.delete(keys.stream)
  await assert.rejects(source.pull(1, never, 0), { code: 'RR_QUEUE_MISSING' })
  assert.deepEqual(await source.pull(1, never, 0), [])
  await push(source, { id: 'a' })
  assert.equal((await source.pull(1, never)).length, 1)
  const other = driverOf(t)({ ...keysOf(), stream: keys.stream })
  await assert.rejects(other, { code: 'RR_QUEUE_MISSING', message: /does not keep the subject/ })
})

test('a refused user, a server without JetStream and one that is down are told apart', {
  skip,
}, async (t) => {
  const locked = await startNats(['--user', 'app', '--pass', 'secret'])
  t.after(() => locked.end())
  const cases = [
    [locked.address.replace('://', '://app:hunter2@'), 'RR_QUEUE_DENIED'],
    [locked.address.replace('://', '://app:secret@'), 'RR_QUEUE_MISSING'],
    ['nats://app:hunter2@127.0.0.1:1', 'RR_QUEUE_UNREACHABLE'],
  ] as const
  for (const [address, code] of cases)
    await assert.rejects(driverOf(t, address)(keysOf()), (error: unknown) => {
      const { code: found, message, hint } = Object(error)
      assert.equal(found, code, message)
      assert.ok(!`${message} ${hint}`.includes('hunter2') && typeof hint === 'string', message)
      return true
    })
})
