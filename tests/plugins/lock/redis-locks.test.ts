/** Locks in a real Redis that servers share: exclusion, order, ends, servers that die, a Redis that goes away. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Redis } from 'ioredis'
import { protoMessage } from '../../../src/index.js'
import { startServer } from '../../../testing/index.js'
import { protoClient } from '../../helpers/proto-client.js'
import { noRedis, redisServer } from '../../helpers/redis-server.js'
import { rawRpc, requestBytes } from '../../helpers/rpc.js'
import { started, startRr, testFolder } from '../../helpers/rr.js'
import { eventually } from '../../helpers/wait.js'

const messages = {
  request: protoMessage({ resource: [1, 'string'], id: [2, 'string'], ttl: [3, 'int'], wait: [4, 'int'] }),
  reply: protoMessage({ ok: [1, 'bool'] }),
}
const skip = noRedis
const long = { wait: 60_000_000 }

type Ask = (
  method: string,
  id: string,
  more?: { ttl?: number; wait?: number; resource?: string },
) => Promise<boolean>

/** Asks over a connection of its own. */
async function caller(t: TestContext, address: string): Promise<Ask> {
  const call = await protoClient(t, address)
  return async (method, id, { ttl = 0, wait = 0, resource = 'r' } = {}) =>
    (await call(`lock.${method}`, messages, { resource, id, ttl, wait })).ok
}

function lockConfig(address: string, keys: object = {}) {
  return { driver: 'redis', config: { addrs: [address], ...keys } }
}

async function serverOn(t: TestContext, address: string, keys: object = {}) {
  const server = await startServer({ config: { lock: lockConfig(address, keys) } })
  t.after(() => server.stop())
  return server
}

/** Two servers on one Redis, and a client that looks into it. */
async function two(t: TestContext, keys: object = {}) {
  const redis = await redisServer(t)
  const servers = [await serverOn(t, redis.address, keys), await serverOn(t, redis.address, keys)] as const
  const look = new Redis(`redis://${redis.address}`)
  look.on('error', () => undefined)
  t.after(() => look.disconnect())
  const [a, b] = servers
  const waiting = (count: number, resource = 'r') =>
    eventually(async () => (await look.zcard(`rr:lock:{r${resource}}:line`)) === count)
  return {
    redis,
    servers,
    look,
    waiting,
    onA: () => caller(t, a.rpcAddress),
    onB: () => caller(t, b.rpcAddress),
  }
}

test('two servers exclude each other: one writer or readers, released where one likes', {
  skip,
}, async (t) => {
  const { onA, onB } = await two(t)
  const [a, b] = [await onA(), await onB()]
  assert.equal(await a('Lock', 'one'), true)
  assert.equal(await a('Lock', 'one'), false, 'a writer excludes itself, too')
  assert.equal(await b('Lock', 'two'), false)
  assert.equal(await b('LockRead', 'two'), false)
  assert.equal(await b('Lock', 'two', { resource: '{odd} na}me' }), true)
  assert.equal(await b('Lock', 'two', { resource: '' }), true)
  assert.deepEqual(
    [await b('Exists', 'one'), await b('Exists', 'two'), await b('Exists', '*')],
    [true, false, true],
  )
  assert.equal(await b('Release', 'two'), false)
  assert.equal(await b('Release', 'one'), true)
  assert.equal(await a('Release', 'one'), false)
  assert.deepEqual([await a('LockRead', 'one'), await b('LockRead', 'two')], [true, true])
  assert.equal(await a('Lock', 'one'), false)
  assert.equal(await a('Release', 'two'), true)
  assert.equal(await b('Lock', 'one'), true, 'the only reader becomes the writer')
  assert.equal(await a('LockRead', 'three'), false)
  assert.equal(await a('ForceRelease', ''), true)
  assert.equal(await a('ForceRelease', ''), false)
  assert.equal(await b('Exists', '*'), false)
  assert.equal(await b('UpdateTTL', 'one', { ttl: 1000 }), false)
  await assert.rejects(a('Lock', ''), /^Error: empty ID is not allowed$/)
})

test('those who wait on any server are served in their order, readers in a row together', {
  skip,
}, async (t) => {
  const { onA, onB, waiting } = await two(t)
  const [a, b] = [await onA(), await onB()]
  await a('LockRead', 'first')
  const served: string[] = []
  const all = [
    [onB, 'Lock', 'w1'],
    [onA, 'LockRead', 'r1'],
    [onB, 'LockRead', 'r2'],
    [onA, 'Lock', 'w2'],
    [onB, 'Lock', 'w3'],
  ] as const
  for (const [at, [on, method, id]] of all.entries()) {
    const ask = await on()
    void ask(method, id, long).then((ok) => served.push(`${id} ${ok}`))
    await waiting(at + 1)
  }
  assert.equal(await b('LockRead', 'newcomer'), false, 'a reader does not overtake a writer that waits')
  await b('Release', 'first')
  await eventually(() => served.length === 1)
  await a('Release', 'w1')
  await eventually(() => served.length === 3)
  assert.deepEqual([served[0], served.slice(1).sort()], ['w1 true', ['r1 true', 'r2 true']])
  await b('Release', 'r1')
  await b('Release', 'r2')
  await eventually(() => served.length === 4)
  await a('ForceRelease', '')
  await eventually(() => served.length === 5)
  assert.deepEqual(served.slice(3), ['w2 true', 'w3 true'])
})

test('a lock ends with its time; a wait ends in time, or with its caller, and hinders nobody', {
  skip,
}, async (t) => {
  const { onA, onB, servers, waiting } = await two(t)
  const [a, b] = [await onA(), await onB()]
  assert.equal(await a('Lock', 'one', { ttl: 200_000 }), true)
  assert.equal(await b('Lock', 'two', long), true, 'the time has ended')
  assert.equal(await a('Exists', 'one'), false)
  assert.equal(await b('UpdateTTL', 'two', { ttl: 60_000_000 }), true)
  assert.equal(await a('LockRead', 'three', { wait: 50_000 }), false)
  await waiting(0)
  assert.equal(await a('UpdateTTL', 'two', { ttl: 1000 }), true, 'by another server, too')
  await eventually(async () => !(await b('Exists', '*')))
  // The connection of a caller that waits is closed.
  assert.equal(await a('LockRead', 'reader'), true)
  const leaving = await rawRpc(t, servers[1].rpcAddress.replace('unix://', ''))
  leaving.socket.write(requestBytes(1, 'lock.Lock', { resource: 'r', id: 'gone', ...long }))
  await waiting(1)
  const behind = (await onA())('LockRead', 'behind', long)
  await waiting(2)
  leaving.socket.destroy()
  assert.equal(await behind, true)
  assert.equal(await a('Exists', 'gone'), false)
})

test('a server that is killed frees its locks and its places in line', { skip }, async (t) => {
  const { address } = await redisServer(t)
  const survivor = await serverOn(t, address, { lease: '1s' })
  const socket = `unix://${join(await testFolder(t), 'rpc.sock')}`
  const lock = JSON.stringify(lockConfig(address, { lease: '1s' }))
  const rr = await startRr(t, ['serve'], {
    config: `version: "3"\nrpc: { listen: "${socket}" }\nlock: ${lock}\n`,
  })
  await started(rr)
  const dying = await caller(t, socket)
  const [ask, look] = [await caller(t, survivor.rpcAddress), new Redis(`redis://${address}`)]
  t.after(() => look.disconnect())
  assert.equal(await dying('Lock', 'endless'), true)
  assert.equal(await dying('Lock', 'timed', { resource: 'other', ttl: 60_000_000 }), true)
  assert.equal(await ask('Lock', 'own', { resource: 'line' }), true)
  const lost = (await caller(t, socket))('Lock', 'lost', { ...long, resource: 'line' })
  lost.catch(() => undefined)
  await eventually(async () => (await look.zcard('rr:lock:{rline}:line')) === 1)
  // It is extended as long as its server lives: three times its lease are over.
  const from = await look.time()
  await eventually(async () => Number((await look.time())[0]) - Number(from[0]) > 3)
  assert.equal(await ask('Exists', 'endless'), true)
  rr.child.kill('SIGKILL')
  await rr.ended
  assert.equal(await ask('Lock', 'next', long), true)
  assert.equal(
    await ask('Exists', 'timed', { resource: 'other' }),
    true,
    'a time of its own outlives the server',
  )
  assert.equal(await ask('Release', 'own', { resource: 'line' }), true)
  assert.equal(await ask('Lock', 'after', { ...long, resource: 'line' }), true)
})

test('a server that stops releases what has no time of its own, and ends waits', { skip }, async (t) => {
  const { servers, onA, onB, waiting } = await two(t)
  const [a, b] = [await onA(), await onB()]
  await b('Lock', 'endless')
  await b('Lock', 'timed', { resource: 'other', ttl: 60_000_000 })
  const next = a('Lock', 'next', long)
  await waiting(1)
  await servers[1].stop()
  assert.equal(await next, true)
  assert.equal(await (await onA())('Exists', 'timed', { resource: 'other' }), true)
})

test('a Redis that is away fails calls with its place, and who waits goes on when it is back', {
  skip,
}, async (t) => {
  const { redis, servers, onA, onB, waiting } = await two(t)
  const [a, b] = [await onA(), await onB()]
  await a('Lock', 'one')
  const waits = (await onB())('Lock', 'two', long)
  await waiting(1)
  await redis.kill()
  await assert.rejects(b('Lock', 'three'), /lock "r" of Redis at 127\.0\.0\.1:\d+ cannot be reached/)
  await servers[0].line(({ message }) => message === 'locks: redis cannot be reached')
  // What was in its memory is gone: nobody holds the lock.
  await redis.start()
  assert.equal(await waits, true)
  assert.equal(await a('Exists', 'two'), true)
})

test('under contention of two servers never two hold a lock, and all get it', { skip }, async (t) => {
  const { onA, onB } = await two(t)
  const callers = await Promise.all(Array.from({ length: 16 }, (_, at) => (at % 2 === 0 ? onA() : onB())))
  let inside = 0
  let most = 0
  let done = 0
  await Promise.all(
    callers.map(async (ask, at) => {
      for (let round = 0; round < 20; round += 1) {
        const id = `${at}-${round}`
        assert.equal(await ask('Lock', id, { ...long, resource: 'busy', ttl: 30_000_000 }), true)
        inside += 1
        most = Math.max(most, inside)
        await new Promise((resolve) => setImmediate(resolve))
        inside -= 1
        done += 1
        assert.equal(await ask('Release', id, { resource: 'busy' }), true)
      }
    }),
  )
  assert.deepEqual([most, done], [1, 320])
})
