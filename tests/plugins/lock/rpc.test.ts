import assert from 'node:assert/strict'
import { test } from 'node:test'
import { protoMessage } from '../../../src/index.js'
import { startServer } from '../../../testing/index.js'
import { protoClient } from '../../helpers/proto-client.js'

const messages = {
  request: protoMessage({ resource: [1, 'string'], id: [2, 'string'], ttl: [3, 'int'], wait: [4, 'int'] }),
  reply: protoMessage({ ok: [1, 'bool'] }),
}

test('workers lock by RoadRunner’s messages, in microseconds', async (t) => {
  const server = await startServer()
  t.after(() => server.stop())
  const first = await protoClient(t, server.rpcAddress)
  const second = await protoClient(t, server.rpcAddress)
  const ask = async (method: string, id: string, { ttl = 0, wait = 0 } = {}, call = first) =>
    (await call(`lock.${method}`, messages, { resource: 'r', id, ttl, wait })).ok
  assert.equal(await ask('Lock', 'a'), true)
  assert.equal(await ask('Lock', 'b'), false)
  const waiting = ask('LockRead', 'b', { wait: 10_000_000 }, second)
  assert.equal(await ask('Release', 'a'), true)
  assert.equal(await waiting, true)
  assert.equal(await ask('Exists', 'b'), true)
  assert.equal(await ask('Exists', '*'), true)
  assert.equal(await ask('UpdateTTL', 'b', { ttl: 1 }), true)
  assert.equal(await ask('Lock', 'c', { wait: 10_000_000 }), true)
  assert.equal(await ask('ForceRelease', ''), true)
  assert.equal(await ask('Exists', '*'), false)
  await assert.rejects(ask('Lock', ''), /^Error: empty ID is not allowed$/)
  assert.deepEqual(await server.rpc('lock.Lock', { resource: 'j', id: 'x' }), { ok: true })
})
