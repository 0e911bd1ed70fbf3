/** The driver `amqp` against a real RabbitMQ: what is pushed, pulled, settled and given back. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, type TestContext, test } from 'node:test'
import { connect } from 'amqplib'
import { systemClock } from '../../../src/core/clock.js'
import { silentLogger } from '../../../src/logging/logger.js'
import { amqpDriver } from '../../../src/plugins/amqp/driver.js'
import { amqpPart } from '../../../src/plugins/amqp/part.js'
import { defaultsOf } from '../../../src/schema/defaults.js'
import type { Delivery, Source, Verdict } from '../../../src/work/index.js'
import { newJob } from '../../helpers/queue-source.js'
import { missingRabbit, type Rabbit, startRabbit } from '../../helpers/rabbitmq.js'
import { eventually } from '../../helpers/wait.js'

const skip = missingRabbit
let rabbit: Rabbit
before(async () => {
  if (skip === false) rabbit = await startRabbit()
})
after(async () => rabbit?.end())

const done: Verdict = { kind: 'done', body: new Uint8Array() }
const why = { kind: 'retry', message: 'once more' } as const
const quorum = { 'x-queue-type': 'quorum' }
let count = 0

/** Opens a source on a fresh queue. */
async function open(t: TestContext, config: object = {}) {
  count += 1
  const queue = `queue-${count}`
  const driver = amqpDriver({
    settings: { addr: rabbit.addr, tls: undefined },
    clock: systemClock,
    log: silentLogger,
    newId: randomUUID,
  })
  const all = {
    ...defaultsOf({ properties: amqpPart.properties }),
    queue,
    exchange: `ex-${count}`,
    ...config,
  }
  const source = await driver.open({ name: 'mail', config: all })
  t.after(() => source.close())
  return { source, queue: all.queue }
}

/** A client beside ours. */
async function client(t: TestContext) {
  const connection = await connect(rabbit.addr)
  t.after(() => connection.close())
  return connection.createConfirmChannel()
}

async function take(source: Source, want: number, waitMs = 5000): Promise<readonly Delivery[]> {
  const taken: Delivery[] = []
  const signal = AbortSignal.timeout(waitMs)
  while (taken.length < want && !signal.aborted)
    taken.push(...(await source.pull(want - taken.length, signal, waitMs)))
  return taken
}

const textOf = ({ body }: Delivery) => Buffer.from(body).toString()
const settle = (source: Source, list: readonly Delivery[], verdict: Verdict = done) =>
  source.settle(list.map((delivery) => ({ delivery, verdict })))

test('what is pushed comes in order, as it was pushed, and is gone once it is done', { skip }, async (t) => {
  const { source } = await open(t)
  const headers = { trace: ['a', 'ü'] }
  await source.push?.(
    Array.from({ length: 30 }, (_, at) => newJob({ id: `j${at}`, body: `b${at}`, headers, priority: 3 })),
  )
  const taken = await take(source, 30)
  assert.deepEqual(
    taken.map(textOf),
    Array.from({ length: 30 }, (_, at) => `b${at}`),
  )
  const [first] = taken
  assert.deepEqual(first?.headers, headers)
  assert.deepEqual(
    [first?.priority, first?.attempt, first?.job],
    [3, 1, { id: 'j0', name: 'app.job', pipeline: 'mail', queue: 'queue-1' }],
  )
  assert.equal((await source.counts?.())?.reserved, 30)
  assert.deepEqual(
    await settle(source, taken),
    taken.map(() => undefined),
  )
  assert.deepEqual(await source.counts?.(), { active: 0, delayed: undefined, reserved: 0 })
})

test('no more is in hand than was wanted, and a pause gives back what waits', { skip }, async (t) => {
  const { source, queue } = await open(t)
  await source.push?.(Array.from({ length: 20 }, (_, at) => newJob({ body: `b${at}` })))
  const stop = new AbortController()
  const taken = await source.pull(3, stop.signal)
  const more = await source.pull(2, stop.signal)
  assert.ok(taken.length + more.length <= 5)
  const beside = await client(t)
  const ready = async () => (await beside.checkQueue(queue)).messageCount
  await eventually(async () => (await ready()) >= 15)
  stop.abort()
  await eventually(async () => (await ready()) === 20 - taken.length - more.length)
  await source.release([...taken, ...more])
  await eventually(async () => (await ready()) === 20)
})

test('a retry waits in a queue of its delay, and comes back with its tries counted', { skip }, async (t) => {
  for (const headers of [{}, quorum]) {
    const { source } = await open(t, { queue_headers: headers, durable: headers === quorum })
    await source.push?.([newJob({ id: 'a' })])
    const [first] = await take(source, 1)
    assert.ok(first !== undefined)
    const sinceMs = performance.now()
    assert.deepEqual(await settle(source, [first], { kind: 'retry', why, afterMs: 300 }), [undefined])
    const [second] = await take(source, 1)
    assert.ok(second !== undefined && performance.now() - sinceMs >= 300)
    assert.deepEqual([second.attempt, second.id], [2, first.id])
    await settle(source, [second], { kind: 'retry', why, afterMs: 0 })
    const [third] = await take(source, 1)
    assert.deepEqual([third?.attempt, third?.id], [3, first.id])
  }
})

test('a delayed job comes after its delay, and not before a later one without', { skip }, async (t) => {
  const { source } = await open(t, { exchange_type: 'fanout' })
  const sinceMs = performance.now()
  await source.push?.([newJob({ body: 'later', delayMs: 400 }), newJob({ body: 'now' })])
  assert.deepEqual((await take(source, 2)).map(textOf), ['now', 'later'])
  assert.ok(performance.now() - sinceMs >= 400)
})

test('what failed for good is kept in a queue beside it, seen by all, and comes back with all tries ahead', {
  skip,
}, async (t) => {
  const { source, queue } = await open(t)
  const store = source.failed
  assert.ok(store !== undefined)
  assert.deepEqual([await store.count(), await store.list(10), await store.redrive()], [0, [], 0])
  await source.push?.(['a', 'b', 'c'].map((id) => newJob({ id, name: `job.${id}`, body: id })))
  const taken = await take(source, 3)
  for (const delivery of taken) await store.keep({ delivery, why: `bad ${textOf(delivery)}`, attempt: 3 })
  const kept = await store.list(2)
  assert.deepEqual(
    kept.map(({ name, why, attempt }) => [name, why, attempt]),
    [
      ['job.a', 'bad a', 3],
      ['job.b', 'bad b', 3],
    ],
  )
  assert.ok(kept.every(({ atMs = 0 }) => Math.abs(Date.now() - atMs) < 60_000))
  assert.deepEqual([await store.count(), (await source.counts?.())?.active], [3, 0])
  assert.equal(await store.redrive([taken[1]?.id ?? '']), 1)
  const [again] = await take(source, 1)
  assert.deepEqual([again?.id, again?.attempt, again?.job?.id], [taken[1]?.id, 1, 'b'])
  assert.equal(await store.redrive(), 2)
  assert.deepEqual((await take(source, 2)).map(textOf), ['a', 'c'])
  const beside = await client(t)
  assert.equal((await beside.checkQueue(`${queue}.failed`)).messageCount, 0)
})

test('Laravel’s and Symfony’s messages reach workers as they were sent', { skip }, async (t) => {
  const { source, queue } = await open(t)
  const beside = await client(t)
  const laravel = {
    contentType: 'application/json',
    correlationId: 'c-1',
    headers: { laravel: { attempts: 0 } },
  }
  const symfony = {
    contentType: 'application/json',
    headers: { type: 'App\\Message', 'X-Message-Stamp-Bus': '[]' },
    deliveryMode: 2,
  }
  beside.sendToQueue(queue, Buffer.from('{"uuid":"1","job":"x@call"}'), laravel)
  beside.sendToQueue(queue, Buffer.from([0, 255, 1]), { ...symfony, timestamp: 45_221 })
  const [first, second] = await take(source, 2)
  assert.ok(first !== undefined && second !== undefined)
  assert.deepEqual(
    [textOf(first), first.headers, first.job],
    ['{"uuid":"1","job":"x@call"}', { attempts: ['0'] }, { queue }],
  )
  assert.deepEqual([...Buffer.from(second.body)], [0, 255, 1])
  assert.deepEqual(second.headers, { type: ['App\\Message'], 'X-Message-Stamp-Bus': ['[]'] })
  const { basicProperties, ...record } = Object(second.record)
  assert.deepEqual(record, { redelivered: false, queue: `${queue}::/` })
  assert.deepEqual(basicProperties.headers.type, { bytes: [...Buffer.from('App\\Message')] })
  assert.deepEqual(
    [
      basicProperties.timestamp,
      basicProperties.bodySize,
      basicProperties.deliveryMode,
      basicProperties.messageId,
    ],
    ['Jan 1, 1970, 12:33:41 PM', 3, 2, null],
  )
  // A retry changes nothing of it but the count of its tries.
  await settle(source, [first], { kind: 'retry', why, afterMs: 0 })
  const [again] = await take(source, 1)
  const { rr_attempts: attempts, ...headers } = Object(again?.record.basicProperties).headers
  assert.deepEqual(
    [textOf(again ?? first), attempts, headers],
    [textOf(first), 1, { laravel: { attempts: 0 } }],
  )
  assert.deepEqual(Object(again?.record.basicProperties).correlationId, 'c-1')
})

test('a queue of priorities delivers the urgent first', { skip }, async (t) => {
  const { source } = await open(t, { queue_headers: { 'x-max-priority': '10' } })
  await source.push?.([10, 5, 1].map((priority) => newJob({ body: String(priority), priority })))
  assert.deepEqual((await take(source, 3)).map(textOf), ['1', '5', '10'])
})

test('what failed goes to the queue’s dead-letter exchange, and what a worker does not acknowledge, too', {
  skip,
}, async (t) => {
  const beside = await client(t)
  const { queue: dead } = await beside.assertQueue('graves', { durable: false })
  const { source } = await open(t, {
    queue_headers: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead },
  })
  assert.deepEqual([await source.keepsFailed?.(), source.guarantees.nacked], [true, 'dropped'])
  await source.push?.([newJob({ id: 'a' })])
  await settle(source, await take(source, 1), { kind: 'fail', why })
  await eventually(async () => (await beside.checkQueue(dead)).messageCount === 1)
})

test('a push that no queue takes is refused, and so is one that is too long delayed', { skip }, async (t) => {
  const { source } = await open(t, { queue: '', routing_key: 'nobody' })
  await assert.rejects(async () => source.push?.([newJob()]), {
    code: 'RR_QUEUE_REFUSED',
    message: /no queue for the key/,
  })
  const long = newJob({ delayMs: 2 ** 31 })
  await assert.rejects(async () => source.push?.([long]), { code: 'RR_QUEUE_REFUSED', message: /a delay of/ })
})

test('workers that come one by one raise what is in hand, and it is bounded by prefetch', {
  skip,
}, async (t) => {
  const { source, queue } = await open(t, { prefetch: 6 })
  await source.push?.(Array.from({ length: 30 }, (_, at) => newJob({ id: `j${at}`, body: `${at}` })))
  const beside = await client(t)
  const taken: Delivery[] = []
  for (let at = 0; at < 6; at += 1) taken.push(...(await take(source, 1)))
  await eventually(async () => (await beside.checkQueue(queue)).messageCount === 24)
  assert.deepEqual(await source.pull(5, AbortSignal.timeout(300), 200), [])
  await settle(source, taken.slice(0, 3))
  assert.equal((await take(source, 3)).length, 3)
  await eventually(async () => (await beside.checkQueue(queue)).messageCount === 21)
})
