import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Redis } from 'ioredis'
import { systemClock } from '../../../src/core/clock.js'
import { laravelRedisDriver } from '../../../src/plugins/laravel-redis/driver.js'
import { laravelRedisPart } from '../../../src/plugins/laravel-redis/part.js'
import type { Delivery, NewJob } from '../../../src/work/index.js'
import { LostMessage } from '../../../src/work/queues/lost-message.js'
import { laravelApp, noLaravel } from '../../helpers/laravel.js'
import { noRedis, redisServer } from '../../helpers/redis-server.js'
import { startRr, testFolder } from '../../helpers/rr.js'
import { eventually } from '../../helpers/wait.js'

const never = new AbortController().signal
const skip = noRedis

async function open(t: TestContext, retryAfter = 90) {
  const redis = await redisServer(t)
  const url = `redis://${redis.address}/0`
  const client = new Redis(url)
  t.after(() => client.disconnect())
  const defaults = Object.fromEntries(
    Object.entries(laravelRedisPart.properties).flatMap(([key, schema]) =>
      'default' in schema ? [[key, schema.default]] : [],
    ),
  )
  const config = { ...defaults, url, prefix: 'app_', retry_after: retryAfter }
  const openSource = async () => {
    const source = await laravelRedisDriver(systemClock).open({ name: 'mail', config })
    t.after(() => source.close())
    return source
  }
  return { redis, url, client, source: await openSource(), openSource }
}

function payload(id: string, attempts = 0): string {
  const data = { commandName: 'App\\Jobs\\Send', tags: [] }
  return JSON.stringify({
    uuid: `u-${id}`,
    displayName: 'App\\Jobs\\Send',
    job: 'Call@call',
    data,
    id,
    attempts,
  })
}

function jobOf(body: string, more: Partial<NewJob> = {}): NewJob {
  return { id: 'x', name: 'x', body, headers: {}, priority: 10, delayMs: 0, ...more }
}

const done = (delivery: Delivery) =>
  ({ delivery, verdict: { kind: 'done', body: new Uint8Array() } }) as const
const retry = (delivery: Delivery, afterMs: number) =>
  ({
    delivery,
    verdict: { kind: 'retry', afterMs, why: { kind: 'retry', message: 'again' } },
  }) as const

test('takes what Laravel pushed, in its order, and reserves it as Laravel does', { skip }, async (t) => {
  const { client, source } = await open(t)
  await client.rpush('app_queues:default', payload('a'), payload('b', 2), 'hello')
  const taken = await source.pull(10, never)
  assert.deepEqual(
    taken.map(({ id, attempt, body }) => [id, attempt, body]),
    [
      ['a', 1, payload('a')],
      ['b', 3, payload('b', 2)],
      [taken[2]?.id, 1, 'hello'],
    ],
  )
  const reserved = await client.zrange('app_queues:default:reserved', '0', '-1')
  assert.equal(reserved.filter((text) => text.startsWith('{') && JSON.parse(text).attempts > 0).length, 2)
  assert.deepEqual(await source.counts?.(), { active: 0, delayed: 0, reserved: 3 })
  assert.deepEqual(await source.settle(taken.map(done)), [undefined, undefined, undefined])
  assert.deepEqual(await source.counts?.(), { active: 0, delayed: 0, reserved: 0 })
})

test('a retry waits among the delayed jobs with its attempt counted; a release goes to the front uncounted', {
  skip,
}, async (t) => {
  const { client, source } = await open(t)
  await source.push?.([jobOf(payload('a')), jobOf(payload('b')), jobOf(payload('c'))])
  const [a, b, c] = await source.pull(3, never)
  assert.ok(a && b && c)
  await source.settle([retry(a, 60_000)])
  const [delayed] = await client.zrange('app_queues:default:delayed', '0', '-1')
  assert.equal(JSON.parse(delayed ?? '{}').attempts, 1)
  await source.release([b, c])
  const again = await source.pull(3, never)
  assert.deepEqual(
    again.map(({ id, attempt }) => [id, attempt]),
    [
      ['b', 1],
      ['c', 1],
    ],
  )
})

test('a waiting pull hears of a push, of a delay that is over, and of its abort', { skip }, async (t) => {
  const { source } = await open(t)
  const first = source.pull(1, never)
  await source.push?.([jobOf(payload('a'))])
  assert.equal((await first)[0]?.id, 'a')
  await source.push?.([jobOf(payload('b'), { delayMs: 800 })])
  assert.equal((await source.pull(1, never))[0]?.id, 'b')
  const stop = new AbortController()
  const last = source.pull(1, stop.signal)
  stop.abort()
  assert.deepEqual(await last, [])
})

test('what was not extended in time comes again, and its late verdict is lost', { skip }, async (t) => {
  const { source, openSource } = await open(t, 1)
  const other = await openSource()
  await source.push?.([jobOf(payload('a')), jobOf(payload('b'))])
  const [a, b] = await source.pull(2, never)
  assert.ok(a && b)
  assert.deepEqual(await source.extend?.([a], 60_000), [undefined])
  const [again] = await other.pull(2, never)
  assert.deepEqual([again?.id, again?.attempt], ['b', 2])
  const [fine, late] = await source.settle([done(a), done(b)])
  assert.equal(fine, undefined)
  assert.ok(late instanceof LostMessage)
  assert.ok((await source.extend?.([b], 1000))?.[0] instanceof LostMessage)
})

test('failed jobs are kept in Redis and go back with all tries ahead', { skip }, async (t) => {
  const { source, openSource } = await open(t)
  await source.push?.([jobOf(payload('a', 4))])
  const [a] = await source.pull(1, never)
  assert.ok(a)
  await source.failed?.keep({ delivery: a, why: 'it broke', attempt: 5 })
  const other = await openSource()
  const [kept] = (await other.failed?.list(10)) ?? []
  assert.deepEqual([kept?.id, kept?.name, kept?.attempt, kept?.why], ['a', 'App\\Jobs\\Send', 5, 'it broke'])
  assert.equal(await other.failed?.redrive(['a']), 1)
  assert.equal(await other.failed?.count(), 0)
  assert.equal((await source.pull(1, never))[0]?.attempt, 1)
})

test('a Redis that is down, or asks for a password, is a fault that names what to do', {
  skip,
}, async (t) => {
  const { redis, url: address, source, client } = await open(t)
  await assert.rejects(async () => source.push?.([jobOf('no payload')]), /takes payloads of Laravel only/)
  await client.config('SET', 'requirepass', 'hidden')
  const url = address.replace('//', '//:wrong@')
  const config = { url, queue: 'q', prefix: '', retry_after: 90, priority: 10 }
  const open2 = () => laravelRedisDriver(systemClock).open({ name: 'mail', config })
  await assert.rejects(open2, (error: Error) => {
    assert.match(error.message, /^Redis at redis:\/\/:\*\*\*@127\.0\.0\.1:\d+\/0 refused: WRONGPASS/)
    return true
  })
  await redis.kill()
  await assert.rejects(open2, /cannot be reached: connect ECONNREFUSED/)
})

test('jobs that Laravel dispatches to Redis run in rr, beside a worker of Laravel’s own', {
  skip: noLaravel ?? skip,
}, async (t) => {
  const { address } = await redisServer(t)
  const folder = await testFolder(t)
  const app = laravelApp(folder, {
    env: { QUEUE_CONNECTION: 'redis', REDIS_PORT: address.split(':')[1] ?? '' },
  })
  app.php(`
    foreach (range(1, 20) as $n) { Jobs\\Plain::dispatch("n$n"); }
    Jobs\\Throws::dispatch('three times'); Jobs\\Plain::dispatch('later')->delay(2);
    Jobs\\Plain::withChain([new Jobs\\Plain('second')])->dispatch('first');
    $job = app('queue')->pop(); $job->fire(); $job->delete();
  `)
  const config = `version: "3"
server: { command: "${app.command}" }
jobs:
  mode: raw
  consume: [mail]
  pool: { num_workers: 2 }
  pipelines: { mail: { driver: laravel-redis, config: { url: "redis://${address}/0" } } }
`
  const rr = await startRr(t, ['serve'], { folder, config, env: app.env })
  await rr.line((line) => line.message === 'server started')
  // Three tries with waits of one and five seconds.
  await eventually(() => app.failed().length === 1)
  const ran = app.marks().filter((mark) => mark.includes(':ran:'))
  const names = Array.from({ length: 20 }, (_, at) => `Plain:n${at + 1}:ran:1`)
  const all = [...names, 'Plain:later:ran:1', 'Plain:first:ran:1', 'Plain:second:ran:1']
  const tries = [1, 2, 3].map((attempt) => `Throws:three times:ran:${attempt}`)
  assert.deepEqual([...ran].sort(), [...all, ...tries].sort())
  assert.equal(app.php("echo app('queue')->size();"), '0')
  assert.equal(app.failed()[0]?.connection, 'redis')
})
