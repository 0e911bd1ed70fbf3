import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { rawMode } from '../../../../src/plugins/lambda/modes/raw.js'
import { ContextMaker } from '../../../../src/plugins/lambda/plan/context.js'
import { deliveriesOf } from '../../../../src/plugins/lambda/plan/record-delivery.js'
import { planEvent } from '../../../../src/plugins/lambda/plan/split.js'
import { invocationOf } from '../../../helpers/lambda.js'
import { sqsEvent } from '../../../helpers/rr.js'

const group = { isSplit: true, fifo: 'group' } as const

function plan(event: unknown, options: Parameters<typeof planEvent>[1] = group) {
  return planEvent(Buffer.from(typeof event === 'string' ? event : JSON.stringify(event)), options)
}

function lanesOf(event: unknown, options?: Parameters<typeof planEvent>[1]) {
  const made = plan(event, options)
  return made.kind === 'batch' ? made.lanes : 'event'
}

const kinesis = (sequence: string, key: string, data = 'aGk=') => ({
  eventSource: 'aws:kinesis',
  kinesis: { sequenceNumber: sequence, partitionKey: key, data },
})
const dynamo = (sequence: string, id: string) => ({
  eventSource: 'aws:dynamodb',
  dynamodb: { SequenceNumber: sequence, Keys: { id: { N: id } } },
})

test('records of a standard queue are lanes of their own, also with a message group (fair queues)', () => {
  assert.deepEqual(lanesOf(sqsEvent(['a', 'b', 'c'])), [[0], [1], [2]])
  const fair = sqsEvent(['a', 'b'], ['g', 'g'])
  for (const record of fair.Records) record.eventSourceARN = 'arn:aws:sqs:us-east-1:1:standard'
  assert.deepEqual(lanesOf(fair), [[0], [1]])
})

test('records of a FIFO group share a lane, in their order', () => {
  const event = sqsEvent(['1', '2', '3', '4', '5'], ['a', 'b', 'a', 'c', 'b'])
  assert.deepEqual(lanesOf(event), [[0, 2], [1, 4], [3]])
  assert.deepEqual(lanesOf(event, { isSplit: true, fifo: 'strict' }), [[0, 1, 2, 3, 4]])
})

test('streams keep order by partition key, item key and topic-partition', () => {
  assert.deepEqual(lanesOf({ Records: [kinesis('1', 'a'), kinesis('2', 'b'), kinesis('3', 'a')] }), [
    [0, 2],
    [1],
  ])
  assert.deepEqual(lanesOf({ Records: [dynamo('1', '7'), dynamo('2', '7'), dynamo('3', '8')] }), [
    [0, 1],
    [2],
  ])
  const record = (offset: number) => ({ topic: 't', partition: 0, offset, value: 'aGk=', headers: [] })
  const kafka = { eventSource: 'aws:kafka', records: { 't-0': [record(1), record(2)], 't-1': [record(1)] } }
  assert.deepEqual(lanesOf(kafka), [[0, 1], [2]])
  const made = plan(kafka)
  assert.deepEqual(made.kind === 'batch' && made.records.map((one) => one.identifier), [
    { partition: 't-0', offset: 1 },
    { partition: 't-0', offset: 2 },
    { partition: 't-1', offset: 1 },
  ])
})

test('bodies are decoded where the source encodes them, and left out of the record', () => {
  const made = plan({ Records: [kinesis('1', 'a', Buffer.from('päy').toString('base64'))] })
  assert.ok(made.kind === 'batch')
  const [first] = made.records
  assert.equal(Buffer.from(first?.body ?? '').toString('utf8'), 'päy')
  assert.equal(
    JSON.stringify(first?.rest),
    '{"eventSource":"aws:kinesis","kinesis":{"sequenceNumber":"1","partitionKey":"a"}}',
  )
  const change = plan({ Records: [dynamo('1', '7')] })
  assert.ok(change.kind === 'batch')
  assert.deepEqual(JSON.parse(String(change.records[0]?.body)), dynamo('1', '7'))
})

const sources: readonly [event: unknown, source: string | null][] = [
  [{ a: 1 }, null],
  ['42', null],
  ['not JSON with eventSource in it', null],
  ['', null],
  [{ Records: [{ EventSource: 'aws:sns', Sns: {} }] }, 'aws:sns'],
  [{ Records: [{ eventSource: 'aws:s3' }] }, 'aws:s3'],
  [{ eventSource: 'aws:rmq', rmqMessagesByQueue: {} }, 'aws:rmq'],
  ['{"\\u0065ventSource":"escaped"}', 'escaped'],
  [{ eventSource: 7 }, null],
  [{ Records: 'eventSource' }, null],
]
test('the source is found where AWS puts it, and is null else', () => {
  for (const [event, source] of sources) {
    const made = plan(event)
    assert.equal(made.kind, 'event', JSON.stringify(event))
    assert.equal(made.source, source, JSON.stringify(event))
  }
})

test('a batch whose records cannot all be named is one event', () => {
  const broken: readonly ((records: Record<string, unknown>[]) => void)[] = [
    (records) => delete records[1]?.messageId,
    (records) => Object.assign(records[1] ?? {}, { messageId: 'message-0' }),
    (records) => Object.assign(records[1] ?? {}, { body: { an: 'object' } }),
    (records) => Object.assign(records[1] ?? {}, { eventSource: 'aws:s3' }),
    (records) => records.splice(0, records.length),
  ]
  for (const damage of broken) {
    const event = sqsEvent(['a', 'b'])
    damage(event.Records)
    assert.equal(plan(event).kind, 'event', String(damage))
  }
  const record = { topic: 't', partition: 0, offset: 1, value: 'aGk=' }
  assert.equal(plan({ eventSource: 'aws:kafka', records: { 't-0': [record, record] } }).kind, 'event')
})

test('a message of RabbitMQ is remembered by its id or its content, not by its place in the batch', () => {
  const message = (text: string, messageId?: string) => ({
    basicProperties: { messageId: messageId ?? null },
    data: Buffer.from(text).toString('base64'),
  })
  const namesOf = (...messages: readonly object[]) => {
    const made = plan(
      { eventSource: 'aws:rmq', rmqMessagesByQueue: { 'q::/': messages } },
      { ...group, splitsAmazonMq: true },
    )
    assert.ok(made.kind === 'batch')
    return made.records.map(({ name }) => name)
  }
  const [first, second] = namesOf(message('a'), message('b'))
  assert.notEqual(first, second)
  assert.deepEqual(namesOf(message('b'), message('a')), [second, first])
  assert.deepEqual(namesOf(message('a', 'its-id')), ['q:://its-id'])
})

test('a small batch has the shape in which its source hands out batches', () => {
  const base64 = (text: string) => Buffer.from(text).toString('base64')
  const record = (offset: number) => ({ topic: 't', partition: 0, offset, value: base64('x') })
  const events: readonly object[] = [
    sqsEvent(['a', 'b']),
    { Records: [kinesis('1', 'a'), kinesis('2', 'b')] },
    { Records: [dynamo('1', 'a'), dynamo('2', 'b')] },
    { eventSource: 'SelfManagedKafka', records: { 't-0': [record(1)], 't-1': [record(7)] } },
    {
      eventSource: 'aws:amq',
      messages: [
        { messageID: 'i', data: base64('x') },
        { messageID: 'j', data: '' },
      ],
    },
    {
      eventSource: 'aws:rmq',
      rmqMessagesByQueue: { 'q::/': [{ data: '' }, { data: base64('y') }], 'r::/': [{ data: '' }] },
    },
  ]
  const options = { ...group, splitsAmazonMq: true }
  const mode = rawMode({ split: options, hasPartialFailures: true, recordsPerJob: 10 })
  for (const given of events) {
    const invocation = invocationOf(given)
    const made = planEvent(invocation.body, options)
    assert.ok(made.kind === 'batch')
    const facts = { functionName: null, functionVersion: null, memoryLimitInMB: null }
    const contexts = new ContextMaker(invocation, facts, made.source, made.shared)
    const event = { invocation, tags: { requestId: 'r' }, source: made.source, contexts }
    const work = mode.protocol(event).toJob(deliveriesOf(made))
    assert.deepEqual(JSON.parse(String(work.body)), given)
  }
})

test('escapes in keys and values never change the plan: it is that of the same event without them', () => {
  const texts = fc.constantFrom(
    'a',
    'é',
    'eventSource',
    'aws:sqs',
    'ventSource":',
    '"eventSource"',
    '\\u0065',
    'Records',
  )
  const spelled = (text: string, seed: number) =>
    JSON.stringify(text).replace(/[A-Za-z]/g, (letter, at: number) =>
      (seed >> (at % 20)) % 2 === 0
        ? letter
        : `\\u00${letter.charCodeAt(0).toString(16)[seed % 2 === 0 ? 'toUpperCase' : 'toLowerCase']()}`,
    )
  const member = fc.record({ key: texts, value: texts, seed: fc.nat({ max: 2 ** 20 }) })
  fc.assert(
    fc.property(fc.array(member, { maxLength: 5 }), (members) => {
      const json = members.map(({ key, value, seed }) => `${spelled(key, seed)} :${spelled(value, seed * 7)}`)
      const text = `{${json.join(', ')}}`
      const plain = JSON.stringify(JSON.parse(text))
      const options = { isSplit: true, fifo: 'group' as const }
      assert.deepEqual(planEvent(Buffer.from(text), options), planEvent(Buffer.from(plain), options), text)
      const { eventSource } = JSON.parse(text)
      const source = typeof eventSource === 'string' && eventSource !== '' ? eventSource : null
      assert.equal(planEvent(Buffer.from(text), options).source, source, text)
    }),
  )
})

test('a large event that names no source by a key is not parsed, whatever its texts hold', (t) => {
  const records = JSON.stringify({ Records: [{ eventSource: 'aws:sqs', EventSource: 'aws:sns' }] })
  const parse = t.mock.method(JSON, 'parse')
  for (const text of [
    '\\u0430\\u0431 ',
    '\\u00e9\\/',
    '\\u0041\\u007a',
    'eventSource ',
    records.replaceAll('"', '\\"'),
  ]) {
    const body = Buffer.from(`{"version":"2.0","body":"${text.repeat(1000)}"}`)
    assert.deepEqual(planEvent(body, { isSplit: true, fifo: 'group' }), { kind: 'event', source: null })
  }
  assert.equal(parse.mock.callCount(), 0)
})

test('an escaped key is found wherever it lies in a large event', () => {
  const key = [...'eventSource'].map((letter) => `\\u00${letter.charCodeAt(0).toString(16)}`).join('')
  for (let before = 65_400; before < 65_620; before += 1) {
    const body = Buffer.from(`{"a":"${' '.repeat(before)}","${key}":"aws:x"}`)
    assert.deepEqual(planEvent(body, { isSplit: true, fifo: 'group' }), { kind: 'event', source: 'aws:x' })
  }
})
