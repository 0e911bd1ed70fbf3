import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { protoMessage } from '../../../src/index.js'
import { startServer, type TestServer } from '../../../testing/index.js'
import { protoClient } from '../../helpers/proto-client.js'
import { noRedis, redisServer } from '../../helpers/redis-server.js'
import { testFolder } from '../../helpers/rr.js'
import { eventually } from '../../helpers/wait.js'

const item = protoMessage({ key: [1, 'string'], value: [2, 'bytes'], timeout: [3, 'string'] })
const messages = {
  request: protoMessage({ storage: [1, 'string'], items: [2, [item]] }),
  reply: protoMessage({ items: [1, [item]] }),
}

interface Given {
  readonly key: string
  readonly value?: string | Uint8Array
  readonly timeout?: string
}

async function client(t: TestContext, server: TestServer, storage = 'cache') {
  const call = await protoClient(t, server.rpcAddress)
  return async (method: string, ...given: readonly Given[]) => {
    const items = given.map(({ key, value = '', timeout = '' }) => ({
      key,
      value: Buffer.from(value),
      timeout,
    }))
    const { items: found } = await call(`kv.${method}`, messages, { storage, items })
    return found.map(({ key, value, timeout }) => ({ key, value: Buffer.from(value).toString(), timeout }))
  }
}

async function start(t: TestContext, kv: object) {
  const server = await startServer({ config: { kv } })
  t.after(() => server.stop())
  return server
}

const at = (ms: number) => `${new Date(Math.ceil(ms / 1000) * 1000).toISOString().slice(0, 19)}+00:00`
const plain = (key: string, value = '') => ({ key, value, timeout: '' })

/** The behaviour that all drivers share. */
async function holdsContract(t: TestContext, server: TestServer): Promise<void> {
  const kv = await client(t, server)
  const bytes = new Uint8Array([0, 255, 10])
  assert.deepEqual(await kv('Set', { key: 'a', value: '1' }, { key: 'b', value: '2' }), [])
  assert.deepEqual(await kv('Has', { key: 'a' }, { key: 'none' }), [plain('a')])
  assert.deepEqual(await kv('MGet', { key: 'b' }, { key: 'none' }, { key: 'a' }), [
    plain('b', '2'),
    plain('a', '1'),
  ])
  await kv('Set', { key: 'a', value: bytes })
  const call = await protoClient(t, server.rpcAddress)
  const request = { storage: 'cache', items: [{ key: 'a', value: new Uint8Array(), timeout: '' }] }
  assert.deepEqual((await call('kv.MGet', messages, request)).items[0]?.value, bytes)
  const end = at(Date.now() + 100_000)
  await kv('Set', { key: 'ends', value: 'x', timeout: end })
  const [ends, a, ...more] = await kv('TTL', { key: 'ends' }, { key: 'a' }, { key: 'none' })
  assert.deepEqual([a, more], [plain('a'), []])
  assert.ok(Math.abs(Date.parse(ends?.timeout ?? '') - Date.parse(end)) <= 1000, ends?.timeout)
  const later = at(Date.now() + 200_000)
  await kv('MExpire', { key: 'a', timeout: later }, { key: 'none', timeout: later })
  const [changed] = await kv('TTL', { key: 'a' })
  assert.ok(Math.abs(Date.parse(changed?.timeout ?? '') - Date.parse(later)) <= 1000, changed?.timeout)
  assert.deepEqual(await kv('Has', { key: 'none' }), [])
  await kv('Set', { key: 'a', value: 'gone', timeout: '2001-01-01T00:00:00Z' })
  assert.deepEqual(await kv('Has', { key: 'a' }), [])
  await kv('Set', { key: 'short', value: 'x', timeout: new Date(Date.now() + 300).toISOString() })
  await eventually(async () => (await kv('Has', { key: 'short' })).length === 0)
  await kv('Delete', { key: 'b' }, { key: 'none' })
  assert.deepEqual(await kv('Has', { key: 'b' }, { key: 'ends' }), [plain('ends')])
  await kv('Clear')
  assert.deepEqual(await kv('Has', { key: 'ends' }), [])
}

test('a storage in memory keeps, ends and forgets values', async (t) => {
  await holdsContract(t, await start(t, { cache: { driver: 'memory', config: {} } }))
})

test('a storage in Redis keeps, ends and forgets values', { skip: noRedis }, async (t) => {
  const { address } = await redisServer(t)
  await holdsContract(t, await start(t, { cache: { driver: 'redis', config: { addrs: [address] } } }))
})

test('a storage of `boltdb` keeps, ends and forgets values, and has them after a restart', async (t) => {
  const file = join(await testFolder(t), 'rr.db')
  const kv = { cache: { driver: 'boltdb', config: { file, permissions: 755 } } }
  const first = await start(t, kv)
  await holdsContract(t, first)
  const set = await client(t, first)
  await set(
    'Set',
    { key: 'kept', value: 'v' },
    { key: 'ended', value: 'v', timeout: at(Date.now() + 60_000) },
  )
  await set('Set', { key: 'ended', value: 'v', timeout: '2001-01-01T00:00:00Z' })
  await first.stop()
  const again = await client(t, await start(t, kv))
  assert.deepEqual(await again('MGet', { key: 'kept' }, { key: 'ended' }), [plain('kept', 'v')])
})

test('what is wrong with a request is told with RoadRunner’s texts', async (t) => {
  const server = await start(t, { cache: { driver: 'memory' } })
  const kv = await client(t, server)
  const other = await client(t, server, 'other')
  const none = await client(t, server, '')
  await assert.rejects(other('Has', { key: 'a' }), /^Error: rpc_has: no such storage: other$/)
  await assert.rejects(none('Clear'), /^Error: rpc_clear: no storage provided$/)
  await assert.rejects(kv('MGet', { key: ' ' }), /^Error: rpc_mget: key can't be empty string$/)
  await assert.rejects(kv('Set', { key: 'a', timeout: 'soon' }), /^Error: rpc_set: parsing time "soon"/)
  await assert.rejects(
    kv('MExpire', { key: 'a' }),
    /^Error: rpc_mexpire: timeout for MExpire is empty or key is empty$/,
  )
})

test('a storage in memory refuses what does not fit, and takes it once there is room', async (t) => {
  const server = await start(t, { cache: { driver: 'memory', config: { max_size: '4KB' } } })
  const kv = await client(t, server)
  await kv('Set', { key: 'a', value: 'x'.repeat(3000) })
  await assert.rejects(kv('Set', { key: 'b', value: 'x'.repeat(3000) }), /rpc_set: the storage is full/)
  await kv('Set', { key: 'a', value: 'y'.repeat(3100) })
  await kv('Delete', { key: 'a' })
  await kv('Set', { key: 'b', value: 'x'.repeat(3000) })
  assert.deepEqual(await kv('Has', { key: 'a' }, { key: 'b' }), [plain('b')])
})

test('a Redis that is away is an error in time, told once, and works again', { skip: noRedis }, async (t) => {
  const redis = await redisServer(t)
  const server = await start(t, {
    cache: { driver: 'redis', config: { addrs: [redis.address], read_timeout: '500ms', max_retries: 1 } },
  })
  const kv = await client(t, server)
  await kv('Set', { key: 'a', value: '1' })
  await redis.kill()
  await assert.rejects(kv('MGet', { key: 'a' }), /rpc_mget: /)
  await server.line(({ message }) => message === 'redis cannot be reached; trying again')
  await redis.start()
  await eventually(async () => {
    const found = await kv('MGet', { key: 'a' }).catch(() => undefined)
    return found !== undefined
  })
  const told = server.lines.filter(({ logger, level }) => logger === 'kv.cache' && level === 'warn')
  assert.equal(told.length, 1)
})

test('an unknown driver, and a key that its driver does not have, are faults with their place', async () => {
  const config = (kv: string) => ({ config: `version: "3"\nkv: ${kv}\n` })
  await assert.rejects(startServer(config('{ cache: { driver: memcache } }')), /2:\d+: .*memcache/)
  await assert.rejects(
    startServer(config('{ cache: { driver: memory, config: { sice: 1 } } }')),
    /2:\d+: .*sice/,
  )
})
