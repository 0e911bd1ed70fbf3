import assert from 'node:assert/strict'
import { test } from 'node:test'
import { playApi } from '../../../helpers/api-client.js'
import { invokeAt } from '../../../helpers/rr.js'
import { ManualClock } from '../../../ipc/manual-clock.js'

const event = Buffer.from('1')

test('as many events as there are slots are in hand at once, and one more is refused', async (t) => {
  const api = await playApi(t, { concurrency: 2 })
  const results = [api.server.invoke(event), api.server.invoke(event)]
  const [first, second] = [await api.next(), await api.next()]
  assert.notEqual(first, second)
  const url = `http://${api.server.address}/2015-03-31/functions/f/invocations`
  const full = await invokeAt(url, '1')
  assert.deepEqual([full.status, JSON.parse(full.body).errorType], [400, 'Runtime.Unavailable'])
  assert.equal((await api.answer(second, 'response', { body: '2' })).status, 202)
  assert.equal((await api.answer(first, 'error', { body: '{}' })).status, 202)
  assert.deepEqual(
    (await Promise.all(results)).map(({ kind }) => kind),
    ['error', 'result'],
  )
})

test('an event that runs over fails alone, its late answer is 410, and its slot is free', async (t) => {
  const clock = new ManualClock()
  const api = await playApi(t, { clock, concurrency: 2, timeoutMs: 1000 })
  const over = api.server.invoke(event)
  const overId = await api.next()
  clock.advance(600)
  const other = api.server.invoke(event)
  const otherId = await api.next()
  clock.advance(400)
  const failed = await over
  assert.equal(failed.kind === 'error' && failed.type, 'Sandbox.Timedout')
  const late = await api.answer(overId, 'response', { body: '1' })
  assert.deepEqual([late.status, late.errorType], [410, 'InvokeTimeout'])
  assert.equal(api.server.state.fullness, undefined)
  await api.answer(otherId, 'response', { body: '"fine"' })
  assert.equal((await other).body.toString(), '"fine"')
})

test('a finished id is 400', async (t) => {
  const api = await playApi(t, { concurrency: 2 })
  void api.server.invoke(event)
  const id = await api.next()
  await api.answer(id, 'response', { body: '1' })
  assert.equal((await api.answer(id, 'response', { body: '1' })).errorType, 'InvalidRequestID')
})
