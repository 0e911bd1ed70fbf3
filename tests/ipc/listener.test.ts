/** The listener with real sockets: workers are matched by pid, and no other connection harms them. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ErrorCode } from '../../src/core/errors.js'
import { pidReply } from '../../src/ipc/control.js'
import { encodeFrame } from '../../src/ipc/frame.js'
import { type ListenerOptions, openListener, type RelayListener } from '../../src/ipc/listener.js'
import type { Relay } from '../../src/ipc/relay.js'
import { recordingLogger } from '../helpers/pool.js'
import { eventually } from '../helpers/wait.js'
import { testLimits } from './decoding.js'
import { ManualClock } from './manual-clock.js'

const handshakeMs = 1000
const kinds = ['unix', 'tcp'] as const

async function start(t: TestContext, kind: (typeof kinds)[number], over: Partial<ListenerOptions> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'rr-listener-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const clock = new ManualClock()
  const log = recordingLogger()
  const address = kind === 'unix' ? `unix://${folder}/relay.sock` : 'tcp://127.0.0.1:0'
  const listener = await openListener({
    address,
    ownPid: 12,
    handshakeMs,
    limits: testLimits,
    clock,
    log,
    ...over,
  })
  t.after(() => listener.close())
  return { listener, clock, log, path: join(folder, 'relay.sock') }
}

/** A connection that has said nothing; resolves once it was asked for its pid, so the listener has accepted it. */
async function dial(t: TestContext, { address }: RelayListener): Promise<Socket> {
  const path = /^unix:\/\/(.*)$/.exec(address)?.[1]
  const socket =
    path === undefined ? connect({ host: '127.0.0.1', port: Number(address.split(':')[2]) }) : connect(path)
  socket.on('error', () => socket.destroy())
  t.after(() => socket.destroy())
  await once(socket, 'data')
  return socket
}

/** A connection that says it is `pid`. */
async function introduce(t: TestContext, listener: RelayListener, pid: number, features: string[] = []) {
  const socket = await dial(t, listener)
  socket.write(encodeFrame(pidReply({ pid, features })))
  return socket
}

/** The next frame's payload, as text. */
function nextText(relay: Relay): Promise<string> {
  return new Promise((resolve, reject) => {
    relay.read({
      frame: ({ payload }) => resolve(payload.toString()),
      junk: () => reject(new Error('junk came')),
      closed: () => reject(new Error('the relay ended')),
    })
  })
}

const closed = async (socket: Socket) => {
  socket.resume()
  if (!socket.destroyed) await once(socket, 'close')
}
const wait = { timeoutMs: 60_000 }

for (const kind of kinds) {
  test(`${kind}: a worker is matched by its pid, whether it or its expectation comes first`, async (t) => {
    const { listener, clock } = await start(t, kind)
    const expected = listener.expect(1, wait)
    const first = await introduce(t, listener, 1, ['prefetch'])
    const { relay, features } = await expected
    assert.deepEqual(features, ['prefetch'])
    first.write(encodeFrame({ flags: 0, options: [], head: 'from 1' }))
    assert.equal(await nextText(relay), 'from 1')

    const second = await introduce(t, listener, 2)
    // Its handshake is over when the one timer left is the one that waits for its expectation.
    await eventually(() => clock.timerCount === 1)
    const early = await listener.expect(2, wait)
    second.write(encodeFrame({ flags: 0, options: [], head: 'from 2' }))
    assert.equal(await nextText(early.relay), 'from 2')
    assert.equal(clock.timerCount, 0)
  })

  test(`${kind}: many workers at once each get their own relay`, async (t) => {
    const { listener } = await start(t, kind)
    const pids = Array.from({ length: 40 }, (_, index) => index + 1)
    const expected = pids.map((pid) => listener.expect(pid, wait))
    const sockets = await Promise.all(pids.toReversed().map((pid) => introduce(t, listener, pid)))
    const relays = (await Promise.all(expected)).map(({ relay }) => relay)
    for (const [index, socket] of sockets.toReversed().entries()) {
      socket.write(encodeFrame({ flags: 0, options: [], head: `from ${pids[index]}` }))
    }
    assert.deepEqual(
      await Promise.all(relays.map(nextText)),
      pids.map((pid) => `from ${pid}`),
    )
  })

  test(`${kind}: unexpected peers are closed, and the worker among them is served`, async (t) => {
    const { listener, log } = await start(t, kind)
    const expected = listener.expect(1, wait)
    const says = [
      'GET / HTTP/1.1\r\n\r\n',
      encodeFrame({ flags: 0x01, options: [], head: '{"pid":"1"}' }),
      encodeFrame({ flags: 0x04, options: 'head', head: '{}', body: 'a job?' }),
    ]
    const strangers = await Promise.all(says.map(() => dial(t, listener)))
    for (const [index, stranger] of strangers.entries()) stranger.write(says[index] ?? '')
    await Promise.all(strangers.map(closed))
    const gone = await dial(t, listener)
    gone.destroy()
    await introduce(t, listener, 1)
    await expected
    await eventually(() => log.lines.length === 4)
    assert.ok(log.lines.every(({ level }) => level === 'debug'))
  })

  test(`${kind}: a silent connection is closed when its time is up`, async (t) => {
    const { listener, clock } = await start(t, kind)
    const silent = await dial(t, listener)
    clock.advance(handshakeMs - 1)
    const late = await dial(t, listener)
    clock.advance(1)
    await closed(silent)
    assert.equal(late.destroyed, false)
    clock.advance(handshakeMs)
    await closed(late)
  })
}

test('a connection that claims a pid nobody waits for is closed when its time is up', async (t) => {
  const { listener, clock, log } = await start(t, 'unix')
  const liar = await introduce(t, listener, 99)
  const second = await introduce(t, listener, 99)
  // The first to claim a pid has it; the second is turned away at once.
  await Promise.race([closed(liar), closed(second)])
  clock.advance(handshakeMs)
  await Promise.all([closed(liar), closed(second)])
  assert.deepEqual(
    log.lines.map(({ level, fields }) => [level, fields.pid]),
    [
      ['warn', 99],
      ['warn', 99],
    ],
  )
  const expected = listener.expect(99, wait)
  await introduce(t, listener, 99)
  await expected
})

test('the place of an early connection that has gone is free again', async (t) => {
  const { listener, clock } = await start(t, 'unix')
  const first = await introduce(t, listener, 5)
  await eventually(() => clock.timerCount === 1)
  first.destroy()
  await eventually(() => clock.timerCount === 0)
  const expected = listener.expect(5, wait)
  const second = await introduce(t, listener, 5)
  const { relay } = await expected
  second.write(encodeFrame({ flags: 0, options: [], head: 'from the second' }))
  assert.equal(await nextText(relay), 'from the second')
})

test('an early connection that speaks before it is expected is closed', async (t) => {
  const { listener, clock } = await start(t, 'unix')
  const early = await introduce(t, listener, 5)
  await eventually(() => clock.timerCount === 1)
  early.write(encodeFrame({ flags: 0, options: [], head: 'unasked' }))
  await closed(early)
})

test('where too many connections have not said who they are, the first make room', async (t) => {
  const { listener, clock, log } = await start(t, 'unix', { unexpectedMax: 2 })
  const silent = [await dial(t, listener), await dial(t, listener)]
  const third = await dial(t, listener)
  await closed(silent[0] ?? third)
  assert.deepEqual(
    log.lines.filter(({ level }) => level === 'warn').map(({ level }) => level),
    ['warn'],
  )
  assert.equal(third.destroyed, false)
  clock.advance(handshakeMs)
  await Promise.all([...silent, third].map(closed))
  const expected = listener.expect(1, wait)
  await introduce(t, listener, 1)
  await expected
})

test('a thousand unexpected peers, silent or with a false pid, do not block a booting worker', async (t) => {
  for (const kind of kinds) {
    const { listener } = await start(t, kind, { unexpectedMax: 8 })
    const expected = listener.expect(1, wait)
    for (let pid = 1001; pid <= 2000; pid += 1)
      await (pid % 2 === 0 ? dial(t, listener) : introduce(t, listener, pid))
    await introduce(t, listener, 1, ['ours'])
    assert.deepEqual((await expected).features, ['ours'])
  }
})

test('silent connections are closed after seconds, but for as many as there are workers to come', async (t) => {
  const { listener, clock } = await start(t, 'unix', { handshakeMs: 60_000, helloMs: 5000 })
  const expected = listener.expect(1, wait)
  // A worker may connect first and boot then.
  const strangers = [await dial(t, listener), await dial(t, listener)]
  const slow = await dial(t, listener)
  clock.advance(5000)
  await Promise.all(strangers.map(closed))
  assert.equal(slow.destroyed, false)
  clock.advance(20_000)
  slow.write(encodeFrame(pidReply({ pid: 1, features: [] })))
  await expected
  const late = await dial(t, listener)
  clock.advance(5000)
  await closed(late)
})

test('what stays silent is closed as soon as nobody is expected any more', async (t) => {
  const { listener, clock } = await start(t, 'unix', { handshakeMs: 60_000, helloMs: 5000 })
  const expected = listener.expect(1, wait)
  const silent = await dial(t, listener)
  clock.advance(5000)
  assert.equal(silent.destroyed, false)
  await introduce(t, listener, 1)
  await expected
  await closed(silent)
})

test('a worker that does not come is given up when its time is up, or when its signal says so', async (t) => {
  const { listener, clock } = await start(t, 'tcp')
  const late = listener.expect(1, { timeoutMs: 500 })
  clock.advance(500)
  await assert.rejects(late, {
    code: ErrorCode.Handshake,
    message: /127\.0\.0\.1:\d+ and answer within 500 ms/,
  })
  const controller = new AbortController()
  const given = listener.expect(1, { ...wait, signal: controller.signal })
  controller.abort()
  await assert.rejects(given, { code: ErrorCode.Handshake })
  await assert.rejects(listener.expect(1, { ...wait, signal: AbortSignal.abort() }), {
    code: ErrorCode.Handshake,
  })
  assert.equal(clock.timerCount, 0)
})

test('closing ends every connection, rejects whoever waits and removes the socket file', async (t) => {
  const { listener, clock, path } = await start(t, 'unix')
  const expected = listener.expect(1, wait)
  const worker = await introduce(t, listener, 1)
  await expected
  const early = await introduce(t, listener, 2)
  await eventually(() => clock.timerCount === 1)
  const silent = await dial(t, listener)
  const waiting = assert.rejects(listener.expect(3, wait), { code: ErrorCode.RelayClosed })
  await listener.close()
  await waiting
  await Promise.all([worker, early, silent].map(closed))
  await assert.rejects(listener.expect(4, wait), { code: ErrorCode.RelayClosed })
  assert.equal(statSync(path, { throwIfNoEntry: false }), undefined)
  assert.equal(clock.timerCount, 0)
  await listener.close()
})

test('what is not an address is refused with the two that are', async (t) => {
  for (const address of [
    'fifo',
    'unix://',
    'tcp://127.0.0.1',
    'http://127.0.0.1:80',
    'tcp://127.0.0.1:99999',
  ]) {
    // A listener that opened after all must not keep the test running.
    const opening = start(t, 'tcp', { address })
    await assert.rejects(opening, { code: ErrorCode.RelayClosed }, address)
  }
})
