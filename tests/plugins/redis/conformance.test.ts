/** The driver `redis` keeps what its table of guarantees says, against a real Redis; and tells its faults with what to do. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Redis } from 'ioredis'
import { systemClock } from '../../../src/core/clock.js'
import { silentLogger } from '../../../src/logging/logger.js'
import { redisDriver } from '../../../src/plugins/redis/driver.js'
import { redisGuarantees } from '../../../src/plugins/redis/guarantees.js'
import { redisSection, redisStreamPart } from '../../../src/plugins/redis/part.js'
import { defaultsOf } from '../../../src/schema/defaults.js'
import { type DriverBroker, type QueueWish, testJobDriver } from '../../../testing/index.js'
import { newJob } from '../../helpers/queue-source.js'
import { noRedis, redisServer } from '../../helpers/redis-server.js'

let queueCount = 0

function queueOn(address: string, { leaseMs }: QueueWish) {
  queueCount += 1
  return {
    config: { queue: `work-${queueCount}`, lease: `${leaseMs}ms` },
    sections: { redis: { addrs: [address] } },
  }
}

/** A Redis that writes each command to the disk before it answers. */
async function broker(t: { after(undo: () => unknown): void }, wish: QueueWish): Promise<DriverBroker> {
  const folder = await mkdtemp(join(tmpdir(), 'rr-redis-'))
  const options = ['--dir', folder, '--appendonly', 'yes', '--appendfsync', 'always']
  const { address, kill, start } = await redisServer(t as TestContext, options)
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 10 }))
  return { ...queueOn(address, wish), stop: kill, kill, start }
}

if (noRedis === false)
  testJobDriver({
    driver: 'redis',
    queue: async (t, wish) => queueOn((await redisServer(t as TestContext)).address, wish),
    broker,
    guarantees: redisGuarantees,
  })

/** Opens a source. */
async function open(t: TestContext, settings: object, config: object = {}) {
  const driver = redisDriver({
    settings: { ...defaultsOf(redisSection), ...settings },
    clock: systemClock,
    log: silentLogger,
    newId: randomUUID,
  })
  const all = { ...defaultsOf({ properties: redisStreamPart.properties }), ...config }
  const source = await driver.open({ name: 'mail', config: all })
  t.after(() => source.close())
  return source
}

test('faults of Redis have a code and what to do, and show no secrets', { skip: noRedis }, async (t) => {
  const { address } = await redisServer(t, ['--requirepass', 'right-secret'])
  const cases: readonly [settings: object, code: string, hint: RegExp][] = [
    [{ addrs: [address], password: 'wrong-secret' }, 'RR_QUEUE_DENIED', /`password`/],
    [{ addrs: [address] }, 'RR_QUEUE_DENIED', /`password`/],
    [{ url: 'redis://app:wrong-secret@127.0.0.1:1/0' }, 'RR_QUEUE_UNREACHABLE', /Start Redis/],
  ]
  for (const [settings, code, hint] of cases)
    await assert.rejects(open(t, settings), (error: unknown) => {
      const { code: found, hint: told, message } = Object(error)
      assert.deepEqual([found, hint.test(told)], [code, true], `${message} ${told}`)
      assert.doesNotMatch(`${message} ${told}`, /secret/)
      return true
    })
  const source = await open(t, { url: `redis://:right-secret@${address}/3` })
  await source.push?.([newJob()])
  assert.deepEqual(await source.counts?.(), { active: 1, delayed: 0, reserved: 0 })
})

test('an entry of another program reaches workers, and a key that is not a stream is told', {
  skip: noRedis,
}, async (t) => {
  const { address } = await redisServer(t)
  const client = new Redis(`redis://${address}`)
  t.after(() => client.disconnect())
  await client.xadd('orders', '*', 'body', 'hello', 'headers', '{"a":["b"]}')
  await client.xadd('orders', '*', 'total', '7')
  await client.set('plain', 'text')
  const source = await open(t, { addrs: [address] }, { stream: 'orders' })
  const [first, second] = await source.pull(2, new AbortController().signal)
  assert.deepEqual([String(first?.body), first?.headers, first?.attempt], ['hello', { a: ['b'] }, 1])
  assert.equal(String(second?.body), '{"total":"7"}')
  await assert.rejects(open(t, { addrs: [address] }, { stream: 'plain' }), { code: 'RR_QUEUE_DENIED' })
})
