/** Tests an RPC server against its clients: order, back-pressure, limits of time, bytes and places. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { encodeFrame, FrameFlag } from '../../../src/ipc/frame.js'
import { listenUnix } from '../../../src/ipc/listen.js'
import type { Dispatch } from '../../../src/ipc/rpc/connection.js'
import { RpcServer } from '../../../src/ipc/rpc/server.js'
import { silentLogger } from '../../../src/logging/logger.js'
import { plainDispatch, rawRpc, requestBytes } from '../../helpers/rpc.js'
import { eventually } from '../../helpers/wait.js'
import { ManualClock } from '../manual-clock.js'

interface Setting {
  readonly dispatch?: Dispatch
  readonly placesMax?: number
  readonly evicts?: 'silent' | 'idle'
  readonly heldBytesMax?: number
}

async function serve(t: TestContext, setting: Setting = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'rr-rpc-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const clock = new ManualClock()
  const { dispatch = plainDispatch((_method, input) => input), placesMax = 100, evicts = 'silent' } = setting
  const limits = { placesMax, heldBytesMax: setting.heldBytesMax ?? 256 * 1024 * 1024 }
  const server = new RpcServer({ name: 'test', dispatch, ...limits, evicts, clock, log: silentLogger })
  const path = join(folder, 'rpc.sock')
  await listenUnix(server.server, path)
  t.after(() => server.close())
  return { path, clock, server }
}

/** A dispatcher whose calls end when the test says so. */
function held() {
  const calls: { readonly method: string; readonly end: (value: unknown) => void }[] = []
  const dispatch = plainDispatch((method) => new Promise((end) => calls.push({ method, end })))
  return { calls, dispatch }
}

test('the requests of one connection run one at a time and are answered in order', async (t) => {
  const { calls, dispatch } = held()
  const { path } = await serve(t, { dispatch })
  const client = await rawRpc(t, path)
  client.socket.write(Buffer.concat([1, 2, 3].map((one) => requestBytes(one, `a.M${one}`))))
  for (const one of [1, 2, 3]) {
    await eventually(() => calls.length === one)
    calls[one - 1]?.end(one)
    assert.equal((await client.answer(one)).data.toString(), String(one))
  }
  assert.deepEqual(
    client.answers.map(({ sequence }) => sequence),
    [1, 2, 3],
  )
})

test('a method that never answers holds up its own connection only', async (t) => {
  const { path } = await serve(t, {
    dispatch: plainDispatch((method) => (method === 'a.Never' ? new Promise(() => undefined) : 'pong')),
  })
  const stuck = await rawRpc(t, path)
  stuck.socket.write(requestBytes(1, 'a.Never'))
  stuck.socket.write(requestBytes(2, 'a.Ping'))
  const other = await rawRpc(t, path)
  for (let times = 0; times < 20; times += 1) assert.equal(await other.call('a.Ping'), '"pong"')
  assert.deepEqual(stuck.answers, [])
})

test('many small requests of one client do not keep another one waiting', async (t) => {
  const { path } = await serve(t)
  const greedy = await rawRpc(t, path)
  const other = await rawRpc(t, path)
  greedy.socket.write(Buffer.concat(Array.from({ length: 2000 }, (_, at) => requestBytes(at + 1, 'a.M'))))
  await greedy.answer(1)
  assert.equal(await other.call('a.Ping', 7), '7')
  assert.ok(greedy.answers.length < 2000, `${greedy.answers.length} answers came first`)
  await greedy.answer(2000)
})

test('a client that does not read is asked for nothing more, and is dropped after 30 s', async (t) => {
  let calls = 0
  const { path, clock } = await serve(t, {
    dispatch: plainDispatch(() => {
      calls += 1
      return 'x'.repeat(8 * 1024 * 1024)
    }),
  })
  const slow = await rawRpc(t, path)
  slow.socket.pause()
  for (let at = 1; at <= 10; at += 1) slow.socket.write(requestBytes(at, 'a.Big'))
  const other = await rawRpc(t, path)
  await eventually(() => calls === 1)
  assert.ok((await other.call('a.Big')).length > 8_000_000)
  assert.equal(calls, 2)
  await eventually(() => clock.timerCount > 0)
  clock.advance(30_000)
  slow.socket.resume()
  await slow.closed
  assert.equal(calls, 2)
})

test('half a frame, and silence from the start, end a connection after 30 s; one that has asked stays', async (t) => {
  const { path, clock } = await serve(t)
  const whole = requestBytes(1, 'a.M', 'x'.repeat(1000))
  const half = await rawRpc(t, path)
  half.socket.write(whole.subarray(0, 100))
  const later = await rawRpc(t, path)
  await later.call('a.M')
  later.socket.write(whole.subarray(0, 5))
  const silent = await rawRpc(t, path)
  const asked = await rawRpc(t, path)
  await asked.call('a.M')
  await eventually(() => clock.timerCount === 3)
  clock.advance(29_999)
  assert.equal(await asked.call('a.M', 1), '1')
  // Another piece does not buy more time.
  half.socket.write(whole.subarray(100, 200))
  clock.advance(1)
  await Promise.all([half.closed, later.closed, silent.closed])
  clock.advance(3_600_000)
  assert.equal(await asked.call('a.M', 2), '2')
  assert.equal(clock.timerCount, 0)
})

test('a client that closes its sending side is answered', async (t) => {
  const { calls, dispatch } = held()
  const { path } = await serve(t, { dispatch })
  const client = await rawRpc(t, path)
  client.socket.end(requestBytes(1, 'a.M'))
  await eventually(() => calls.length === 1)
  calls[0]?.end('late')
  assert.equal((await client.answer(1)).data.toString(), '"late"')
  await client.closed
})

test('the signal of a call aborts when its client ends the connection, or the server closes', async (t) => {
  const signals: AbortSignal[] = []
  const dispatch: Dispatch = (_request, { abort: { signal } }) => {
    signals.push(signal)
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('given up'))))
  }
  const { path, server } = await serve(t, { dispatch })
  for (const leave of ['end', 'destroy'] as const) {
    const client = await rawRpc(t, path)
    client.socket.write(requestBytes(1, 'a.Wait'))
    await eventually(() => signals.length === 1)
    assert.equal(signals[0]?.aborted, false)
    client.socket[leave]()
    await eventually(() => signals[0]?.aborted === true)
    signals.length = 0
  }
  const stays = await rawRpc(t, path)
  stays.socket.write(requestBytes(1, 'a.Wait'))
  await eventually(() => signals.length === 1)
  await server.close()
  assert.equal(signals[0]?.aborted, true)
})

test('when all places are taken, a client that never asked makes room, and one that did stays', async (t) => {
  const { path } = await serve(t, { placesMax: 3 })
  const asked = await rawRpc(t, path)
  await asked.call('a.M')
  const silent = [await rawRpc(t, path), await rawRpc(t, path)]
  const newcomer = await rawRpc(t, path)
  assert.equal(await newcomer.call('a.M', 1), '1')
  await silent[0]?.closed
  assert.equal(await asked.call('a.M', 2), '2')
})

test('with the places of clients that asked all taken, a newcomer is refused', async (t) => {
  const { path } = await serve(t, { placesMax: 2 })
  const all = [await rawRpc(t, path), await rawRpc(t, path)]
  for (const one of all) await one.call('a.M')
  await (await rawRpc(t, path)).closed
  for (const one of all) assert.equal(await one.call('a.M', 3), '3')
})

test('the operator gets a place of whoever is idle, and none of a request that runs', async (t) => {
  const { calls, dispatch } = held()
  const { path } = await serve(t, { dispatch, placesMax: 2, evicts: 'idle' })
  const [busy, idle] = [await rawRpc(t, path), await rawRpc(t, path)]
  const running = busy.call('a.Slow')
  const short = idle.call('a.Short')
  await eventually(() => calls.length === 2)
  calls.find(({ method }) => method === 'a.Short')?.end(1)
  await short
  const newcomer = await rawRpc(t, path)
  await idle.closed
  const answer = newcomer.call('a.New')
  await eventually(() => calls.length === 3)
  for (const { end } of calls) end('done')
  assert.deepEqual(await Promise.all([answer, running]), ['"done"', '"done"'])
})

test('a client that leaves keeps its place until its request is done, which bounds running requests', async (t) => {
  const { calls, dispatch } = held()
  const { path } = await serve(t, { dispatch, placesMax: 2 })
  for (const at of [1, 2]) {
    const client = await rawRpc(t, path)
    client.socket.write(requestBytes(at, 'a.Slow'))
    await eventually(() => calls.length === at)
    client.socket.destroy()
  }
  await (await rawRpc(t, path)).closed
  assert.equal(calls.length, 2)
  for (const { end } of calls) end(1)
  await eventually(async () => {
    const client = await rawRpc(t, path)
    client.socket.write(requestBytes(1, 'a.Next'))
    return Promise.race([
      client.closed.then(() => false),
      eventually(() => calls.length > 2).then(() => true),
    ])
  })
})

test('all clients together hold a bounded number of bytes, and a small request is answered all the same', async (t) => {
  const { path } = await serve(t, { heldBytesMax: 64 * 1024 * 1024 })
  const part = requestBytes(1, 'a.M', 'x'.repeat(15 * 1024 * 1024)).subarray(0, 14 * 1024 * 1024)
  const greedy = await Promise.all(Array.from({ length: 6 }, () => rawRpc(t, path)))
  const ends = greedy.map((one) => one.closed.then(() => 'closed'))
  for (const one of greedy) one.socket.write(part)
  await Promise.race(ends)
  assert.equal(await (await rawRpc(t, path)).call('a.M', 'small'), '"small"')
})

test('whatever a method throws or returns is an answer', async (t) => {
  const circle: { self?: unknown } = {}
  circle.self = circle
  const secretive = Object.create(null)
  const cases: readonly [run: () => unknown, answer: RegExp][] = [
    [() => Promise.reject(new Error('no such key')), /^no such key$/],
    [() => Promise.reject('a text'), /^a text$/],
    [() => Promise.reject(undefined), /^undefined$/],
    [() => Promise.reject(null), /^null$/],
    [() => Promise.reject(Symbol('s')), /^Symbol\(s\)$/],
    [() => Promise.reject(secretive), /no text/],
    [() => Promise.reject(Object.assign(new Error(), { message: 7 })), /^7$/],
    [() => Promise.reject(new Error('')), /did not say why/],
    [
      () => {
        throw new TypeError('thrown at once')
      },
      /^thrown at once$/,
    ],
    [() => 10n, /BigInt/],
    [() => circle, /circular/i],
    [() => 'x'.repeat(65 * 1024 * 1024), /the answer has \d+ bytes, 67108864 fit/],
    [() => ({ toJSON: () => assert.fail('not now') }), /not now/],
    [() => undefined, /^null$/],
    [() => () => 1, /^null$/],
    [() => Number.NaN, /^null$/],
    [() => ({ ok: true }), /^\{"ok":true\}$/],
  ]
  const { path } = await serve(t, { dispatch: plainDispatch((_method, at) => cases[Number(at)]?.[0]()) })
  const client = await rawRpc(t, path)
  for (const [at, [run, answer]] of cases.entries())
    assert.match(await client.call('a.M', at), answer, String(run))
})

const tooLarge = encodeFrame({ flags: FrameFlag.json, options: [1, 3], head: 'a.M' })
tooLarge.writeUInt32LE(0xffffffff, 2)
const hostile: readonly [what: string, bytes: Buffer][] = [
  ['no frame', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ['zeroes', Buffer.alloc(1000)],
  ['a frame without options', encodeFrame({ flags: FrameFlag.json, options: [], head: 'a.M' })],
  ['a frame with one option', encodeFrame({ flags: FrameFlag.json, options: [1], head: 'a.M' })],
  ['three options', encodeFrame({ flags: FrameFlag.json, options: [1, 3, 3], head: 'a.M' })],
  ['a name longer than the payload', encodeFrame({ flags: FrameFlag.json, options: [1, 99], head: 'a.M' })],
  ['a name of 300 bytes', encodeFrame({ flags: FrameFlag.json, options: [1, 300], head: 'a'.repeat(300) })],
  ['a control frame', encodeFrame({ flags: FrameFlag.control, options: [], head: '{"stop":true}' })],
  ['a length of 4 GiB with a wrong checksum', tooLarge],
]
test('bytes that are not request end the connection, and nobody else’s', async (t) => {
  const { path } = await serve(t)
  const other = await rawRpc(t, path)
  for (const [what, bytes] of hostile) {
    const client = await rawRpc(t, path)
    client.socket.write(bytes)
    await client.closed
    assert.deepEqual(client.answers, [], what)
    assert.equal(await other.call('a.M', what), JSON.stringify(what))
  }
})

test('a request over 64 MB is answered at its header, dropped, and the client may go on', async (t) => {
  const { path } = await serve(t)
  const client = await rawRpc(t, path)
  const request = requestBytes(1, 'a.M', 'x'.repeat(64 * 1024 * 1024))
  client.socket.write(request.subarray(0, 200))
  const { data, isError, codec } = await client.answer(1)
  assert.deepEqual(
    [data.toString(), isError, codec],
    ['rpc: the request has more than 67108864 bytes', true, FrameFlag.json],
  )
  client.socket.write(request.subarray(200))
  assert.equal(await client.call('a.M', 'still here'), '"still here"')
})

test('a request over 64 MB whose header comes in two chunks ends the connection', async (t) => {
  const { path } = await serve(t)
  const client = await rawRpc(t, path)
  client.socket.write(requestBytes(1, 'a.M', 'x'.repeat(64 * 1024 * 1024)).subarray(0, 14))
  await client.closed
})

test('the codecs that are not spoken and arguments that are no JSON are answered with an error', async (t) => {
  const { path } = await serve(t)
  const client = await rawRpc(t, path)
  const send = (sequence: number, flags: number, body: string) =>
    client.socket.write(encodeFrame({ flags, options: [sequence, 3], head: `a.M${body}` }))
  send(1, FrameFlag.proto, 'x')
  send(2, FrameFlag.json, '{')
  send(3, FrameFlag.gob, 'x')
  send(4, FrameFlag.json, '')
  const texts = await Promise.all([1, 2, 3, 4].map(async (one) => (await client.answer(one)).data.toString()))
  assert.deepEqual(texts, [
    'rpc: a.M does not take PROTO requests',
    'rpc: the argument is not JSON',
    'rpc: a.M does not take GOB requests',
    'null',
  ])
})
