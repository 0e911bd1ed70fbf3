import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { systemClock } from '../../../src/core/clock.js'
import { silentLogger } from '../../../src/logging/logger.js'
import { kafkaDriver } from '../../../src/plugins/kafka/driver.js'
import { kafkaPart, kafkaSection } from '../../../src/plugins/kafka/part.js'
import { defaultsOf } from '../../../src/schema/defaults.js'
import { jobsProtocol } from '../../../src/work/protocols/jobs.js'
import { rawProtocol } from '../../../src/work/protocols/raw.js'
import type { Delivery, NewJob, Source } from '../../../src/work/source.js'
import { type KafkaBroker, noKafka, startKafka } from '../../helpers/kafka-server.js'
import { newJob } from '../../helpers/queue-source.js'

const skip = noKafka
const never = new AbortController().signal
const done = { kind: 'done', body: new Uint8Array() } as const
const waitMs = 15_000
const folder = mkdtempSync(join(tmpdir(), 'rr-kafka-tls-'))
const certFile = join(folder, 'cert.pem')
let broker: KafkaBroker
let topicCount = 0

before(async () => {
  if (skip !== false) return
  const keyFile = join(folder, 'key.pem')
  const words =
    'req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1'
  execFileSync('openssl', [...words.split(' '), '-keyout', keyFile, '-out', certFile], { stdio: 'ignore' })
  const [cert, key] = [certFile, keyFile].map((path) => readFileSync(path, 'utf8'))
  broker = await startKafka({ cert: cert ?? '', key: key ?? '', username: 'app', password: 'secret' })
})
after(async () => {
  await broker?.end()
  rmSync(folder, { recursive: true, force: true })
})

const newTopic = () => {
  topicCount += 1
  return `own-${topicCount}`
}

async function open(t: TestContext, config: object = {}, settings: object = {}): Promise<Source> {
  const section = { ...defaultsOf(kafkaSection), brokers: [broker.address], ...settings }
  const driver = kafkaDriver({ settings: section, clock: systemClock, log: silentLogger })
  const keys = defaultsOf(kafkaPart)
  const source = await driver.open({
    name: 'mail',
    config: {
      ...keys,
      auto_create_topics_enable: true,
      partitions: 2,
      group_options: { ...keys.group_options, session_timeout: 3000 },
      ...config,
    },
  })
  t.after(() => source.close())
  return source
}

const onTopic = (topic: string) => ({
  consumer_options: { ...defaultsOf(kafkaPart).consumer_options, topics: [topic] },
})
const push = (source: Source, ...jobs: readonly Partial<NewJob>[]) => source.push?.(jobs.map(newJob))
const settle = (source: Source, taken: readonly Delivery[]) =>
  source.settle(taken.map((delivery) => ({ delivery, verdict: done })))
const bodies = (list: readonly Delivery[]) => list.map(({ body }) => Buffer.from(body).toString())
const objectFrom = (json: unknown): Readonly<Record<string, unknown>> => Object(JSON.parse(String(json)))

async function take(source: Source, count: number): Promise<readonly Delivery[]> {
  const taken: Delivery[] = []
  const endMs = performance.now() + waitMs
  while (taken.length < count && performance.now() < endMs)
    taken.push(...(await source.pull(count - taken.length, never, 1000)))
  assert.equal(taken.length, count)
  return taken
}

test('records have keys and partitions as asked for, and are what workers of RoadRunner and of Lambda know', {
  skip,
}, async (t) => {
  const topic = newTopic()
  const source = await open(t, { ...onTopic(topic), lane_header: 'tenant' })
  await push(
    source,
    { id: '1', name: 'app.mail', body: 'a', headers: { tenant: ['ann'] } },
    { id: '2', body: 'b', headers: { tenant: ['ann'] } },
    { id: '3', body: 'c', place: { topic, partition: 1 } },
  )
  const taken = await take(source, 3)
  const byBody = new Map(taken.map((one) => [Buffer.from(one.body).toString(), one]))
  const [a, b, c] = ['a', 'b', 'c'].map((body) => byBody.get(body))
  assert.ok(a !== undefined && b !== undefined && c !== undefined)
  assert.equal(a.lane, b.lane)
  assert.equal(c.record.partition, 1)
  const context = objectFrom(jobsProtocol('mail').toJob([a]).context)
  const { partition, offset } = a.record
  assert.deepEqual(
    [
      context.id,
      context.job,
      context.driver,
      context.topic,
      context.partition,
      context.offset,
      context.headers,
    ],
    ['1', 'app.mail', 'kafka', topic, partition, offset, { tenant: ['ann'] }],
  )
  const raw = objectFrom(rawProtocol.toJob([a]).context)
  const { source: kind, attempt, record } = raw
  assert.deepEqual(
    [kind, attempt, Object(record).key],
    ['aws:kafka', 1, Buffer.from('ann').toString('base64')],
  )
  await settle(source, taken)
})

test('a partition moves to another server when its running job has ended: nothing runs twice', {
  skip,
}, async (t) => {
  const topic = newTopic()
  const first = await open(t, onTopic(topic))
  const ids = Array.from({ length: 8 }, (_, at) => `job-${at}`)
  await push(first, ...ids.map((id) => ({ id, body: id })))
  // One of each partition runs, the others wait in line.
  const taken = await take(first, 8)
  const running = taken.filter((one, at) => taken.findIndex(({ lane }) => lane === one.lane) === at)
  assert.equal(running.length, 2)
  const second = await open(t, onTopic(topic))
  const seen: Delivery[] = []
  const stop = new AbortController()
  const other = (async () => {
    while (!stop.signal.aborted) {
      const more = await second.pull(10, stop.signal, 500)
      seen.push(...more)
      await settle(second, more)
    }
  })()
  const waiting = taken.filter((one) => !running.includes(one))
  const endMs = performance.now() + waitMs
  while (!waiting.some((one) => one.isTakenBack?.() === true)) {
    assert.ok(performance.now() < endMs, 'a partition is to move')
    await first.pull(0, never, 50)
  }
  assert.deepEqual(bodies(seen), [], 'nothing moves while a job runs')
  await first.release(waiting)
  assert.deepEqual(await settle(first, running), [undefined, undefined])
  const mine: Delivery[] = []
  while (mine.length + seen.length < waiting.length) {
    assert.ok(performance.now() < endMs + waitMs, `all come: ${bodies([...mine, ...seen])}`)
    const more = await first.pull(10, never, 100)
    mine.push(...more)
    await settle(first, more)
  }
  stop.abort()
  await other
  assert.deepEqual(bodies([...mine, ...seen]).toSorted(), bodies(waiting).toSorted())
  assert.ok(seen.length > 0, 'the other server has its share')
})

test('TLS and credentials are RoadRunner’s keys, and a wrong password is a fault of its own', {
  skip,
}, async (t) => {
  const tls = {
    ...defaultsOf(kafkaSection).tls,
    root_ca: certFile,
    cert: '',
    key: '',
    timeout: 10_000,
    client_auth_type: '',
  }
  const secure = (password: string) => ({
    brokers: [broker.secureAddress],
    tls,
    sasl: { mechanism: 'plain', username: 'app', password },
  })
  const source = await open(t, onTopic(newTopic()), secure('secret'))
  await push(source, { body: 'hidden' })
  assert.deepEqual(bodies(await take(source, 1)), ['hidden'])
  await assert.rejects(open(t, onTopic(newTopic()), secure('wrong')), { code: 'RR_QUEUE_DENIED' })
})

test('what Kafka cannot do is refused: a missing topic, a delay, a body that is too long', {
  skip,
}, async (t) => {
  const missing = { ...onTopic(newTopic()), auto_create_topics_enable: false }
  await assert.rejects(open(t, missing), { code: 'RR_QUEUE_MISSING' })
  await assert.rejects(open(t, {}, { brokers: ['127.0.0.1:1'] }), { code: 'RR_QUEUE_UNREACHABLE' })
  const keys = defaultsOf(kafkaPart)
  const short = { ...keys.producer_options, max_message_bytes: 4 }
  const source = await open(t, { ...onTopic(newTopic()), producer_options: short })
  await assert.rejects(async () => push(source, { delayMs: 1000 }), /knows no delays/)
  await assert.rejects(async () => push(source, { body: '12345' }), /5 bytes/)
})
