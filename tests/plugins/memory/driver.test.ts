import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memoryDriver } from '../../../src/plugins/memory/driver.js'
import { newJob } from '../../helpers/queue-source.js'
import { ManualClock } from '../../ipc/manual-clock.js'

const never = new AbortController().signal
const dayMs = 86_400_000

async function open(config: object = {}) {
  const clock = new ManualClock()
  const driver = memoryDriver({ clock })
  const settings = { priority: 10, prefetch: 100_000, ...config }
  const source = await driver.open({ name: 'mail', config: settings })
  return { clock, driver, source }
}

test('a job in memory stays with its worker however long it takes, and is gone once it is done', async () => {
  const { clock, source } = await open()
  await source.push?.([newJob({ body: Buffer.from([0, 255]) })])
  const [delivery] = await source.pull(5, never, 0)
  assert.deepEqual(
    [delivery?.source, delivery?.body, delivery?.expiresAtMs],
    ['memory', Buffer.from([0, 255]), undefined],
  )
  clock.advance(dayMs)
  assert.deepEqual(await source.pull(5, never, 0), [])
  assert.ok(delivery !== undefined)
  const faults = await source.settle([{ delivery, verdict: { kind: 'done', body: new Uint8Array() } }])
  assert.deepEqual([faults, await source.counts?.()], [[undefined], { active: 0, delayed: 0, reserved: 0 }])
})

test('a job in memory that is to be tried again comes at once, or after the wait that its worker asked for', async () => {
  const { clock, source } = await open()
  await source.push?.([newJob({ id: 'a' }), newJob({ id: 'b' })])
  const [a, b] = await source.pull(5, never, 0)
  assert.ok(a !== undefined && b !== undefined)
  const why = { kind: 'retry', message: 'not now' } as const
  await source.settle([
    { delivery: a, verdict: { kind: 'retry', why } },
    { delivery: b, verdict: { kind: 'retry', why, afterMs: 1000 } },
  ])
  const first = await source.pull(5, never, 0)
  clock.advance(1000)
  const second = await source.pull(5, never, 0)
  assert.deepEqual(
    [first, second].map(([one]) => [one?.id, one?.attempt]),
    [
      [a.id, 2],
      [b.id, 2],
    ],
  )
})

test('a pipeline in memory hands out no more jobs in one receive than its prefetch, with its priority', async () => {
  const { source } = await open({ prefetch: 1, priority: 3 })
  await source.push?.([newJob({ id: 'a', priority: 0 }), newJob({ id: 'b' })])
  const deliveries = await source.pull(5, never, 0)
  assert.deepEqual(
    deliveries.map(({ priority }) => priority),
    [3],
  )
  await source.release(deliveries)
  assert.equal((await source.pull(5, never, 0))[0]?.id, deliveries[0]?.id)
})

test('jobs in memory that wait for their next try, and kept ones, hold no others up, however many they are', async () => {
  const { source } = await open({ prefetch: 2 })
  await source.push?.(Array.from({ length: 5 }, (_, at) => newJob({ id: `${at}` })))
  const why = { kind: 'failed', message: 'broken' } as const
  const again = await source.pull(5, never, 0)
  await source.settle(
    again.map((delivery) => ({ delivery, verdict: { kind: 'retry', why, afterMs: 60_000 } as const })),
  )
  const kept = await source.pull(5, never, 0)
  await source.park?.(kept)
  const next = await source.pull(5, never, 0)
  assert.deepEqual([again.length, kept.length, next.length], [2, 2, 1])
})

test('a job of a higher priority is not held up by a row of lower ones, and each of these has its turn', async () => {
  const { source } = await open()
  await source.push?.([
    ...Array.from({ length: 30 }, (_, at) => newJob({ id: `low-${at}`, priority: 100 })),
    ...Array.from({ length: 30 }, (_, at) => newJob({ id: `high-${at}`, priority: 10 })),
  ])
  const first = await source.pull(22, never, 0)
  assert.equal(first.filter(({ id }) => id.startsWith('low')).length, 2)
})

test('a second job of an id that is there has a number behind it, and its client’s id for workers', async () => {
  const { source } = await open()
  await source.push?.([newJob({ id: 'a' }), newJob({ id: 'a' })])
  const deliveries = await source.pull(5, never, 0)
  assert.deepEqual(
    deliveries.map(({ id, job }) => [id, job?.id]),
    [
      ['a', 'a'],
      ['a#1', 'a'],
    ],
  )
})

test('a pull that waits ends with a push, with a delay that is over, and with its signal', async () => {
  const { clock, source } = await open()
  const pushed = source.pull(5, never)
  await source.push?.([newJob({ id: 'a' }), newJob({ id: 'later', delayMs: 500 })])
  assert.deepEqual(
    (await pushed).map(({ id }) => id),
    ['a'],
  )
  const delayed = source.pull(5, never)
  clock.advance(500)
  assert.deepEqual(
    (await delayed).map(({ id }) => id),
    ['later'],
  )
  const stopping = new AbortController()
  const ended = source.pull(5, stopping.signal)
  stopping.abort()
  assert.deepEqual(await ended, [])
})
