import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { ErrorCode, hasCode } from '../../../../src/core/errors.js'
import { Loop } from '../../../../src/plugins/lambda/polling/loop.js'
import { PollGate } from '../../../../src/plugins/lambda/polling/poll-gate.js'
import { RuntimeClient } from '../../../../src/plugins/lambda/runtime-api/client.js'
import type { Pool } from '../../../../src/supervisor/pool/pool.js'
import { handlerOptions } from '../../../helpers/lambda.js'
import { recordingLogger } from '../../../helpers/pool.js'
import { turnPool } from '../../../helpers/turn-pool.js'
import { eventually } from '../../../helpers/wait.js'
import { type WireApi, wireApi } from '../../../helpers/wire-api.js'
import { ManualClock } from '../../../ipc/manual-clock.js'

interface Setup {
  readonly pool?: Pool
  readonly isLogWritten?: () => boolean
  readonly flushLog?: () => Promise<void>
}

/** A poller with pipelining on, that has asked for its first event. */
async function startLoop(t: TestContext, setup: Setup = {}) {
  const api = await wireApi(t)
  const clock = new ManualClock()
  const log = { ...recordingLogger(), isEnabled: (level: string) => level !== 'debug' }
  const echo = turnPool(
    1,
    () => 0,
    (body) => body,
  )
  const { pool = echo, isLogWritten = () => true, flushLog = () => Promise.resolve() } = setup
  const client = new RuntimeClient({ address: api.address, userAgent: 'test', clock, log })
  const loop = new Loop({
    ...handlerOptions(pool, { clock, log }),
    client,
    gate: new PollGate(pool, false),
    flushLog,
    isLogWritten,
    minReady: 1,
    beforeFirst: async () => undefined,
    tellsThaw: false,
    isPipelined: true,
  })
  const stop = new AbortController()
  const serving = loop.serve(stop.signal)
  serving.catch(() => undefined)
  t.after(() => stop.abort())
  await api.polled()
  const told = (message: string) => log.lines.filter((line) => line.message === message).length
  return { api, clock, loop, serving, stop, told }
}

async function answered(api: WireApi, count: number): Promise<void> {
  await eventually(() => api.bodies.length === count)
  await api.polled()
}

test('the answer and the next /next are one write, whatever the size of the answer', async (t) => {
  const { api } = await startLoop(t)
  const bodies = ['1', '"é"', JSON.stringify('x'.repeat(20_000)), '']
  for (const [at, body] of bodies.entries()) {
    api.hand(`id${at}`, body)
    await answered(api, at + 1)
  }
  assert.deepEqual(
    api.writes.filter((names) => names.includes('id0') || names.includes('id1') || names.includes('id3')),
    ['POST id0/response + GET next', 'POST id1/response + GET next', 'POST id3/response + GET next'],
  )
  assert.deepEqual(
    api.bodies.map((body) => Buffer.from(body, 'latin1').toString()),
    ['1', '"é"', bodies[2], 'null'],
  )
  assert.equal(api.openCount, 1)
})

for (const status of ['413 Too Large', '410 Gone', '400 Bad Request']) {
  test(`${status} to a pipelined answer is logged once, and the next event is served`, async (t) => {
    const { api, told } = await startLoop(t)
    api.react = (id) => ({ status: id === 'a' ? status : '202 Accepted' })
    api.hand('a')
    await answered(api, 1)
    api.hand('b')
    await answered(api, 2)
    assert.equal(told('the Runtime API did not take an answer'), 1)
    assert.deepEqual(api.writes.slice(1), ['POST a/response + GET next', 'POST b/response + GET next'])
  })
}

test('an id that was just answered comes again behind its answer: the loop ends and does not run it', async (t) => {
  const { api, serving } = await startLoop(t)
  api.hand('a')
  api.hand('a')
  await assert.rejects(
    serving,
    (error) => hasCode(error, ErrorCode.RuntimeApi) && /handed out a again/.test(String(error)),
  )
  assert.equal(api.bodies.length, 1)
})

for (const reaction of ['cut', { status: '202 Accepted', headers: 'Connection: close\r\n' }] as const) {
  test(`an answer whose connection is ${reaction === 'cut' ? 'cut' : 'closed behind its status'} is sent once, and the API is asked anew without it`, async (t) => {
    const { api, told } = await startLoop(t)
    api.react = (id) => (id === 'a' ? reaction : { status: '202 Accepted' })
    api.hand('a')
    await answered(api, 1)
    api.hand('b')
    await answered(api, 2)
    assert.deepEqual(api.writes, [
      'GET next',
      'POST a/response + GET next',
      'GET next',
      'POST b/response',
      'GET next',
    ])
    assert.equal(told('an answer may not have reached the Runtime API'), reaction === 'cut' ? 1 : 0)
    assert.equal(told('the Runtime API was lost: lambda.pipelining is off from now on'), 1)
    assert.equal(told('the Runtime API was lost, asking again'), 0)
  })
}

test('no status for a pipelined answer within 10 s: the connection is dropped and the next event asked for', async (t) => {
  const { api, clock, told } = await startLoop(t)
  api.react = (id) => (id === 'a' ? 'silent' : { status: '202 Accepted' })
  api.hand('a')
  await eventually(() => api.bodies.length === 1)
  clock.advance(9999)
  assert.equal(told('an answer may not have reached the Runtime API'), 0)
  clock.advance(1)
  await answered(api, 1)
  assert.equal(told('an answer may not have reached the Runtime API'), 1)
  assert.deepEqual(
    api.writes.filter((names) => names.includes('POST')),
    ['POST a/response + GET next'],
  )
})

test('a poll behind an answer that is lost later is asked again after a pause, as any other', async (t) => {
  const { api, clock, told } = await startLoop(t)
  api.hand('a')
  await answered(api, 1)
  api.cutPoll()
  await eventually(() => told('the Runtime API was lost, asking again') === 1)
  clock.advance(100)
  await api.polled()
  assert.deepEqual(api.writes, ['GET next', 'POST a/response + GET next', 'GET next'])
})

test('a stop between an answer and its status waits for the status, then lets the connection go', async (t) => {
  const { api, loop, serving, stop, told } = await startLoop(t)
  api.react = () => 'silent'
  api.hand('a')
  await eventually(() => api.bodies.length === 1)
  stop.abort()
  const finished = loop.finished()
  assert.equal(api.openCount, 1)
  api.accept()
  await Promise.all([finished, serving])
  await eventually(() => api.openCount === 0)
  assert.equal(told('an answer may not have reached the Runtime API'), 0)
})

test('while no worker would be idle the answer goes out alone, and /next once there is one', async (t) => {
  let isReady = true
  let isAwaited = false
  let onReady: () => void = () => undefined
  const inner = turnPool(
    1,
    () => 0,
    (body) => {
      // The worker leaves with its answer, as at max_jobs.
      isReady = body !== '"last"'
      return body
    },
  )
  const pool: Pool = Object.defineProperty(
    {
      ...inner,
      whenIdle: async () => {
        if (isReady) return
        await new Promise<void>((resolve) => {
          onReady = resolve
          isAwaited = true
        })
      },
    },
    'idleCount',
    { get: () => (isReady ? 1 : 0) },
  )
  const { api } = await startLoop(t, { pool })
  api.hand('a', '"last"')
  await eventually(() => api.bodies.length === 1)
  await eventually(() => isAwaited)
  assert.deepEqual(api.writes, ['GET next', 'POST a/response'])
  isReady = true
  onReady()
  await api.polled()
  api.hand('b')
  await answered(api, 2)
  assert.deepEqual(api.writes.slice(2), ['GET next', 'POST b/response + GET next'])
})

test('while lines wait to be written the answer goes out alone, and /next behind the flush', async (t) => {
  let isWritten = false
  let onFlush: () => void = () => undefined
  const flushed = new Promise<void>((resolve) => {
    onFlush = resolve
  })
  const { api } = await startLoop(t, { isLogWritten: () => isWritten, flushLog: () => flushed })
  api.hand('a')
  await eventually(() => api.bodies.length === 1)
  assert.deepEqual(api.writes, ['GET next', 'POST a/response'])
  isWritten = true
  onFlush()
  await api.polled()
  api.hand('b')
  await answered(api, 2)
  assert.deepEqual(api.writes.slice(2), ['GET next', 'POST b/response + GET next'])
})
