import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { connectionsFor, kindOf } from '../../../../src/plugins/emulator/http/connections.js'
import { playApi } from '../../../helpers/api-client.js'
import { eventually as until } from '../../../helpers/wait.js'

const invocations = '/2015-03-31/functions/function/invocations'
const nextPath = '/2018-06-01/runtime/invocation/next'

interface Client {
  readonly socket: Socket
  text(): string
  /** Resolves when the other side has closed. */
  readonly closed: Promise<unknown>
}

async function client(t: TestContext, address: string, text = ''): Promise<Client> {
  const [host = '', port = ''] = address.split(':')
  const socket = connect(Number(port), host)
  t.after(() => socket.destroy())
  let answer = ''
  socket.on('data', (bytes: Buffer) => {
    answer += bytes.toString('latin1')
  })
  socket.on('error', () => undefined)
  const closed = new Promise((resolve) => socket.once('close', resolve))
  await once(socket, 'connect')
  if (text !== '') socket.write(text)
  return { socket, text: () => answer, closed }
}

function head(method: string, path: string, address: string, length?: number): string {
  const body = length === undefined ? '' : `Content-Length: ${length}\r\n`
  return `${method} ${path} HTTP/1.1\r\nHost: ${address}\r\n${body}\r\n`
}

test('the number of connections follows from the descriptors', () => {
  assert.deepEqual([16, 64, 256, 1024, 65_536, Number.POSITIVE_INFINITY].map(connectionsFor), [
    ...[16, 21, 85, 341, 2048, 2048],
  ])
})

test('requests are told apart by their path', () => {
  const kinds = [
    nextPath,
    '/2020-01-01/extension/event/next',
    '/2018-06-01/runtime/invocation/a/error',
    invocations,
  ]
  assert.deepEqual(kinds.map(kindOf), ['poll', 'poll', 'answer', 'caller'])
  assert.deepEqual(
    ['/2018-06-01/runtime/init/error', '/', '/x/2018-06-01/runtime/invocation/next'].map(kindOf),
    [...['runtime', 'caller', 'caller']],
  )
})

test('a new connection takes the place of the one that was idle for longest, never of a runtime', async (t) => {
  const api = await playApi(t, { connectionsMax: 16 })
  const { address } = api.server
  const runtime = await client(t, address, head('GET', nextPath, address))
  await until(() => api.server.state.hasPolled)
  const idle: Client[] = []
  for (let n = 0; n < 40; n += 1) idle.push(await client(t, address))
  await Promise.all(idle.slice(0, 25).map(({ closed }) => closed))
  const running = api.post(invocations, { body: '{"n":1}' })
  await until(() => runtime.text().includes('{"n":1}'))
  // While its event runs the runtime's connection is silent, and stays.
  for (let n = 0; n < 40; n += 1) idle.push(await client(t, address))
  const id = /request-id: (\S+)/i.exec(runtime.text())?.[1] ?? ''
  runtime.socket.write(`${head('POST', `/2018-06-01/runtime/invocation/${id}/response`, address, 2)}{}`)
  assert.equal((await running).body, '{}')
})

test('callers have half of the places, so that a runtime still gets one', async (t) => {
  const api = await playApi(t, { connectionsMax: 16 })
  const { address } = api.server
  const callers: Client[] = []
  for (let n = 0; n < 12; n += 1)
    callers.push(await client(t, address, `${head('POST', invocations, address, 9)}{`))
  await until(() => callers.filter((one) => one.text().startsWith('HTTP/1.1 503 ')).length === 4)
  assert.match(callers.map((one) => one.text()).join(''), /Retry-After: 1/)
  const runtime = await client(t, address, head('GET', nextPath, address))
  await until(() => api.server.state.hasPolled)
  for (const { socket } of callers) socket.destroy()
  const running = api.post(invocations, { body: '{"n":2}' })
  await until(() => runtime.text().includes('{"n":2}'))
  const id = /request-id: (\S+)/i.exec(runtime.text())?.[1] ?? ''
  await api.answer(id, 'response', { body: '2' })
  assert.equal((await running).body, '2')
})

test('who only claims to be a runtime does not keep the one that came first from its events', async (t) => {
  const api = await playApi(t, { connectionsMax: 16 })
  const { address } = api.server
  const runtime = await client(t, address, head('GET', nextPath, address))
  await until(() => api.server.state.hasPolled)
  const claims: Client[] = []
  for (let n = 0; n < 10; n += 1) claims.push(await client(t, address, head('GET', nextPath, address)))
  await until(() => claims.filter((one) => one.text().startsWith('HTTP/1.1 503 ')).length === 7)
  const running = api.post(invocations, { body: '{"n":3}' })
  await until(() => runtime.text().includes('{"n":3}'))
  for (const { socket } of claims) socket.destroy()
  const id = /request-id: (\S+)/i.exec(runtime.text())?.[1] ?? ''
  runtime.socket.write(
    `${head('POST', `/2018-06-01/runtime/invocation/${id}/response`, address, 1)}3${head('GET', nextPath, address)}`,
  )
  assert.equal((await running).body, '3')
})

test('a head or a body that stands still is answered with 408, a long poll is not', async (t) => {
  const api = await playApi(t, { silence: { headMs: 100, bodyMs: 100 } })
  const { address } = api.server
  const poll = await client(t, address, head('GET', nextPath, address))
  const slow = [
    await client(t, address, 'GET / HTTP/1.1\r\nHo'),
    await client(t, address, `${head('POST', invocations, address, 6_000_000)}${'x'.repeat(100_000)}`),
    await client(t, address, `${head('POST', '/2018-06-01/runtime/init/error', address, 10)}x`),
    await client(t, address, `${head('POST', '/unknown', address, 10)}x`),
  ]
  await Promise.all(slow.map(({ closed }) => closed))
  assert.deepEqual(
    slow.map((one) => one.text().slice(9, 12)),
    ['408', '408', '408', '404'],
  )
  const running = api.post(invocations, { body: '{}' })
  await until(() => /request-id/i.test(poll.text()))
  await api.answer(/request-id: (\S+)/i.exec(poll.text())?.[1] ?? '', 'response', { body: '1' })
  assert.equal((await running).body, '1')
})

test('a body that drips ends with 408 as well', async (t) => {
  const api = await playApi(t, { silence: { bodyMs: 10_000, wholeBodyMs: 150 } })
  const { address } = api.server
  const drip = await client(t, address, head('POST', invocations, address, 6_000_000))
  const timer = setInterval(() => drip.socket.write('x'), 10)
  t.after(() => clearInterval(timer))
  await drip.closed
  assert.match(drip.text(), /^HTTP\/1\.1 408 /)
})

test('bodies in transit are held up to 64 MB in all, and their room is free again afterwards', async (t) => {
  const api = await playApi(t)
  const { address } = api.server
  const part = Buffer.alloc(5_900_000, 0x20)
  const halves: Client[] = []
  for (let n = 0; n < 14; n += 1) {
    halves.push(await client(t, address, head('POST', invocations, address, 6_000_000)))
    halves.at(-1)?.socket.write(part)
  }
  await until(() => api.server.heldBytes > 58_000_000)
  await Promise.all(halves.map(({ socket }) => until(() => socket.writableLength === 0)))
  assert.ok(api.server.heldBytes <= 64 * 1024 * 1024)
  // The runtime is not refused because of them.
  assert.equal((await api.post('/2018-06-01/runtime/init/error', { body: '{}' })).status, 202)
  for (const { socket } of halves) socket.destroy()
  await until(() => api.server.heldBytes === 0)
})

test('an event that waits is held until it has run, also when nobody waits for its answer', async (t) => {
  const api = await playApi(t)
  const sent = await api.post(invocations, {
    headers: { 'x-amz-invocation-type': 'Event' },
    body: '"12345678"',
  })
  assert.equal(sent.status, 202)
  assert.equal(api.server.heldBytes, 10)
  await api.answer(await api.next(), 'response', { body: '1' })
  await until(() => api.server.heldBytes === 0)
})

test('a connection that sends requests without reading answers is closed', async (t) => {
  const api = await playApi(t)
  const { address } = api.server
  const greedy = await client(t, address, `${head('POST', invocations, address, 2)}{}`.repeat(100))
  await greedy.closed
  assert.ok(api.server.state.fullness === undefined)
})
