import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { playApi } from '../../../helpers/api-client.js'
import { eventually } from '../../../helpers/wait.js'
import { ManualClock } from '../../../ipc/manual-clock.js'

const runtime = '/2018-06-01/runtime'
const event = Buffer.from('{"a":1}')
const streaming = { 'Lambda-Runtime-Function-Response-Mode': 'streaming' }

test('an event is handed out as it came, and what is posted for it is the result', async (t) => {
  const api = await playApi(t)
  const result = api.server.invoke(event)
  const handed = await api.get(`${runtime}/invocation/next`)
  assert.equal(handed.body, '{"a":1}')
  assert.ok(Number(handed.headers['lambda-runtime-deadline-ms']) > Date.now())
  const id = String(handed.headers['lambda-runtime-aws-request-id'])
  const posted = await api.answer(id, 'response', { body: '"done"' })
  assert.deepEqual([posted.status, posted.body], [202, '{"status":"OK"}'])
  assert.deepEqual(await result, { kind: 'result', body: Buffer.from('"done"') })
})

test('an answer for another event is 400, a second one 403, and 400 once there is a next event', async (t) => {
  const api = await playApi(t)
  assert.equal((await api.answer('nobody', 'response')).errorType, 'InvalidRequestID')
  void api.server.invoke(event)
  const id = await api.next()
  assert.equal((await api.answer(`${id}0`, 'response')).status, 400)
  assert.equal((await api.answer(id, 'response')).status, 202)
  for (const kind of ['response', 'error'] as const) {
    const second = await api.answer(id, kind, { body: '{}' })
    assert.deepEqual([second.status, second.errorType], [403, 'InvalidStateTransition'])
  }
  void api.server.invoke(event)
  await api.next()
  assert.equal((await api.answer(id, 'response')).errorType, 'InvalidRequestID')
})

test('asking again before the answer hands out the same event', async (t) => {
  const api = await playApi(t)
  void api.server.invoke(event)
  void api.server.invoke(event)
  const id = await api.next()
  assert.equal(await api.next(), id)
  await api.answer(id, 'response')
  assert.notEqual(await api.next(), id)
})

test('an unknown response mode is 400 and fails the event, and the runtime gets nothing more', async (t) => {
  const api = await playApi(t)
  const result = api.server.invoke(event)
  const id = await api.next()
  const headers = { 'Lambda-Runtime-Function-Response-Mode': 'buffered' }
  const posted = await api.answer(id, 'response', { headers, body: '1' })
  assert.deepEqual([posted.status, posted.errorType], [400, 'InvalidFunctionResponseMode'])
  assert.equal((await api.get(`${runtime}/invocation/next`)).status, 403)
  const failed = await result
  assert.equal(failed.kind === 'error' && failed.type, 'Runtime.InvalidResponseModeHeader')
})

test('an init error is taken before the first event is asked for, and is 403 afterwards', async (t) => {
  const api = await playApi(t)
  const result = api.server.invoke(event)
  const headers = { 'Lambda-Runtime-Function-Error-Type': 'Runtime.NoLuck' }
  assert.equal((await api.post(`${runtime}/init/error`, { headers, body: '{"no":"luck"}' })).status, 202)
  assert.deepEqual(await result, {
    kind: 'error',
    type: 'Runtime.NoLuck',
    body: Buffer.from('{"no":"luck"}'),
  })
  assert.equal((await api.post(`${runtime}/init/error`)).status, 403)
  assert.equal((await api.get(`${runtime}/invocation/next`)).status, 403)
  api.server.reset()
  void api.server.invoke(event)
  await api.next()
  assert.equal((await api.post(`${runtime}/init/error`)).errorType, 'InvalidStateTransition')
})

test('6 MiB and 100 bytes are taken, one more is 413, told to the invoker, and an error after it is 403', async (t) => {
  const api = await playApi(t)
  const most = Buffer.alloc(6_291_556, '1')
  const fits = api.server.invoke(event)
  assert.equal((await api.answer(await api.next(), 'response', { body: most })).status, 202)
  assert.equal((await fits).kind, 'result')
  const result = api.server.invoke(event)
  const id = await api.next()
  const over = await api.answer(id, 'response', { body: Buffer.concat([most, most.subarray(0, 1)]) })
  assert.deepEqual([over.status, over.errorType], [413, 'RequestEntityTooLarge'])
  const failed = await result
  assert.equal(failed.kind === 'error' && failed.type, 'Function.ResponseSizeTooLarge')
  assert.equal((await api.answer(id, 'error', { body: '{}' })).status, 403)
})

test('error types that do not look like one are recorded as unknown, and the body is passed on unchanged', async (t) => {
  const api = await playApi(t)
  const cases = [
    ['Runtime.WorkerExit', 'Runtime.WorkerExit'],
    ['Function.Unhandled', 'Function.Unhandled'],
    ['Function.not ok', 'Function.Unknown'],
    ['Runtime.x', 'Runtime.Unknown'],
    ['TypeError', 'Runtime.Unknown'],
  ] as const
  for (const [given, type] of cases) {
    const result = api.server.invoke(event)
    const headers = { 'Lambda-Runtime-Function-Error-Type': given }
    await api.answer(await api.next(), 'error', { headers, body: 'any text' })
    assert.deepEqual(await result, { kind: 'error', type, body: Buffer.from('any text') })
  }
})

test('a body that is shorter than announced is 400, and nothing more is taken for its event', async (t) => {
  const api = await playApi(t)
  void api.server.invoke(event)
  const id = await api.next()
  const [host = '', port = ''] = api.server.address.split(':')
  const socket = connect({ host, port: Number(port), allowHalfOpen: true })
  t.after(() => socket.destroy())
  socket.end(
    `POST ${runtime}/invocation/${id}/response HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf`,
  )
  const [answer] = await once(socket, 'data')
  assert.match(String(answer), /^HTTP\/1\.1 400 .*TruncatedHTTPRequest/s)
  await eventually(async () => (await api.answer(id, 'response', { body: '1' })).status === 400)
  assert.equal(await api.next(), id)
})

test('optional headers are absent in the classic model, and present but empty under Managed Instances', async (t) => {
  const names = ['client-context', 'cognito-identity', 'aws-tenant-id'].map(
    (name) => `lambda-runtime-${name}`,
  )
  for (const concurrency of [undefined, 2]) {
    const api = await playApi(t, { concurrency })
    void api.server.invoke(event)
    const { headers } = await api.get(`${runtime}/invocation/next`)
    for (const name of names) assert.equal(headers[name], concurrency === undefined ? undefined : '')
    void api.server.invoke(event, { tenantId: 't', clientContext: '{"ü":1}', cognitoIdentity: '{}' })
    if (concurrency === undefined)
      await api.answer(String(headers['lambda-runtime-aws-request-id']), 'response')
    const full = await api.get(`${runtime}/invocation/next`)
    const texts = names.map((name) => Buffer.from(String(full.headers[name]), 'latin1').toString('utf8'))
    assert.deepEqual(texts, ['{"ü":1}', '{}', 't'])
  }
})

test('an event that runs over fails, and its late answer is for no event', async (t) => {
  const clock = new ManualClock()
  const api = await playApi(t, { clock, timeoutMs: 2000 })
  const result = api.server.invoke(event)
  const id = await api.next()
  clock.advance(2000)
  const failed = await result
  assert.match(failed.body.toString(), /Task timed out after 2\.00 seconds/)
  assert.equal((await api.answer(id, 'response')).errorType, 'InvalidRequestID')
})

test('an event’s time runs until the runtime asks for the next one, though its invoker has the result', async (t) => {
  for (const asksAgain of [false, true]) {
    const over: string[] = []
    const clock = new ManualClock()
    const environment = {
      mayHandOut: () => true,
      isInitRepeated: () => false,
      onChange: () => undefined,
      onTimeout: async (id: string) => void over.push(id),
      onExtensionFault: () => undefined,
    }
    const api = await playApi(t, { clock, environment, timeoutMs: 1000 })
    const result = api.server.invoke(event)
    const id = await api.next()
    await api.answer(id, 'response', { body: '1' })
    assert.equal((await result).kind, 'result')
    if (asksAgain) api.next().catch(() => undefined)
    await eventually(() => api.server.state.isIdle === asksAgain)
    clock.advance(1000)
    assert.deepEqual(over, asksAgain ? [] : [id])
  }
})

test('a snapshot is woken by the first event; an error of its hook goes to the invoker', async (t) => {
  for (const hookFails of [false, true]) {
    const api = await playApi(t)
    const woken = api.get(`${runtime}/restore/next`)
    await eventually(() => api.server.state.isInSnapshot)
    assert.equal((await api.get(`${runtime}/invocation/next`)).status, 403)
    const result = api.server.invoke(event)
    assert.equal((await woken).status, 200)
    if (hookFails) {
      const headers = { 'Lambda-Runtime-Function-Error-Type': 'Runtime.AfterRestoreError' }
      assert.equal((await api.post(`${runtime}/restore/error`, { headers, body: '{}' })).status, 202)
      assert.equal((await result).kind, 'error')
    } else await api.answer(await api.next(), 'response', { body: '1' })
    assert.equal((await result).kind, hookFails ? 'error' : 'result')
    assert.equal((await api.get(`${runtime}/restore/next`)).status, 403)
    assert.equal((await api.post(`${runtime}/restore/error`)).status, 403)
  }
})

test('a liveness probe is answered, and a path of no API is 404', async (t) => {
  const api = await playApi(t)
  assert.equal((await api.get('/2018-06-01/ping')).body, 'pong')
  assert.equal((await api.get('/2018-06-01/pong')).status, 404)
})

test('a streamed answer to an invoker that cannot read pieces is collected', async (t) => {
  const api = await playApi(t)
  const result = api.server.invoke(event)
  const id = await api.next()
  assert.equal((await api.answer(id, 'response', { headers: streaming, body: 'all of it' })).status, 202)
  assert.deepEqual(await result, { kind: 'result', body: Buffer.from('all of it') })
})
