import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { answerBatch } from '../../../../src/plugins/lambda/answer/answer.js'
import { ContextMaker } from '../../../../src/plugins/lambda/plan/context.js'
import { elementsOf, membersOf, wholeText } from '../../../../src/plugins/lambda/plan/json-slices.js'
import { planEvent } from '../../../../src/plugins/lambda/plan/split.js'
import { invocationOf } from '../../../helpers/lambda.js'

const split = { isSplit: true, fifo: 'group', splitsAmazonMq: true } as const
const facts = { functionName: null, functionVersion: null, memoryLimitInMB: null }

function contextsOf(event: string) {
  const body = Buffer.from(event)
  const plan = planEvent(body, split)
  assert.ok(plan.kind === 'batch', event)
  const contexts = new ContextMaker(invocationOf(body), facts, plan.source, plan.shared)
  return { plan, contexts, texts: plan.records.map((record) => contexts.ofRecord(record)) }
}

/** Returns the text behind `"KEY":` up to the end of the context. */
function behind(key: string, context: string | undefined): string {
  return context?.slice(context.indexOf(`"${key}":`) + key.length + 3) ?? ''
}

const digits = '12345678901234567890'

const cases: readonly [source: string, event: string, rest: string, envelope: string, body: string][] = [
  [
    'SQS',
    `{"Records":[{"messageId":"a","body":"b","eventSource":"aws:sqs"}]}`,
    '{"messageId":"a","eventSource":"aws:sqs"}',
    '{"Records":[]}',
    'b',
  ],
  [
    'SQS with numbers and unknown members',
    `{ "Records" : [ { "messageId":"a", "body":"b", "eventSource":"aws:sqs", "n": ${digits}, "f":1.0 } ], "x":1e2 }`,
    `{"messageId":"a","eventSource":"aws:sqs","n":${digits},"f":1.0}`,
    '{"x":1e2,"Records":[]}',
    'b',
  ],
  [
    'Kinesis',
    `{"Records":[{"kinesis":{"sequenceNumber":"1","data":"/wA=","approximateArrivalTimestamp":1.50},"eventSource":"aws:kinesis"}]}`,
    '{"kinesis":{"sequenceNumber":"1","approximateArrivalTimestamp":1.50},"eventSource":"aws:kinesis"}',
    '{"Records":[]}',
    '\xff\0',
  ],
  [
    'DynamoDB',
    `{"Records":[{"dynamodb":{"SequenceNumber":"1","ApproximateCreationDateTime":1.0},"eventSource":"aws:dynamodb"}]}`,
    '{"dynamodb":{"SequenceNumber":"1","ApproximateCreationDateTime":1.0},"eventSource":"aws:dynamodb"}',
    '{"Records":[]}',
    '{"dynamodb":{"SequenceNumber":"1","ApproximateCreationDateTime":1.0},"eventSource":"aws:dynamodb"}',
  ],
  [
    'Kafka',
    `{"eventSource":"aws:kafka","bootstrapServers":"b","records":{"t-0":[{"offset":${digits},"timestamp":1.0,"value":"/wA="}]}}`,
    `{"offset":${digits},"timestamp":1.0}`,
    '{"eventSource":"aws:kafka","bootstrapServers":"b","records":{"t-0":[]}}',
    '\xff\0',
  ],
  [
    'a tombstone of Kafka',
    `{"eventSource":"SelfManagedKafka","records":{"t-0":[{"offset":1,"value":null}]}}`,
    '{"offset":1,"value":null}',
    '{"eventSource":"SelfManagedKafka","records":{"t-0":[]}}',
    '',
  ],
  [
    'an empty value of Kafka',
    `{"eventSource":"aws:kafka","records":{"t-0":[{"offset":1,"value":""}]}}`,
    '{"offset":1}',
    '{"eventSource":"aws:kafka","records":{"t-0":[]}}',
    '',
  ],
  [
    'ActiveMQ',
    `{"eventSource":"aws:amq","eventSourceArn":"arn","messages":[{"messageID":"m","data":"/wA=","timestamp":${digits}}]}`,
    `{"messageID":"m","timestamp":${digits}}`,
    '{"eventSource":"aws:amq","eventSourceArn":"arn","messages":[]}',
    '\xff\0',
  ],
  [
    'RabbitMQ',
    `{"eventSource":"aws:rmq","rmqMessagesByQueue":{"q::/":[{"basicProperties":{"bodySize":2.0},"data":"/wA="}]}}`,
    '{"basicProperties":{"bodySize":2.0},"queue":"q::/"}',
    '{"eventSource":"aws:rmq","rmqMessagesByQueue":{"q::/":[]}}',
    '\xff\0',
  ],
]

for (const [source, event, rest, envelope, body] of cases) {
  test(`a record of ${source} keeps its digits, and its envelope is the event without it`, () => {
    const { plan, contexts, texts } = contextsOf(event)
    const around = envelope === '{"Records":[]}' ? '' : `,"envelope":${envelope}`
    assert.equal(behind('record', texts[0]), `${rest}${around}}`)
    assert.equal(Buffer.from(plan.records[0]?.body ?? '').toString('latin1'), body)
    const small = contexts.eventOf(plan.records)
    assert.deepEqual(JSON.parse(small), JSON.parse(event))
    assert.deepEqual(small.match(/\d[\d.e]*/g)?.sort(), event.match(/\d[\d.e]*/g)?.sort())
  })
}

test('offsets that JavaScript cannot count to are told apart and named with all digits', () => {
  const record = (offset: string) => `{"offset":${offset},"value":"aGk="}`
  const event = `{"eventSource":"aws:kafka","records":{"t-0":[${record('9007199254740992')},${record('9007199254740993')}]}}`
  const { plan } = contextsOf(event)
  const failed = { kind: 'retry', why: { kind: 'jobFailed', message: '' } } as const
  const answer = answerBatch({ ...plan, verdicts: [failed, failed], isFailed: () => true })
  assert.equal(
    answer.kind === 'result' && answer.body,
    '{"batchItemFailures":[{"itemIdentifier":{"partition":"t-0","offset":9007199254740992}},{"itemIdentifier":{"partition":"t-0","offset":9007199254740993}}]}',
  )
})

test('a client context keeps its digits', () => {
  const invocation = {
    ...invocationOf({}),
    clientContext: `{"custom":{"n":${digits}}}`,
    cognitoIdentity: '{not',
  }
  const context = new ContextMaker(invocation, facts, null).ofEvent()
  assert.ok(context.includes(`"clientContext":{"custom":{"n":${digits}}}`))
  assert.equal(JSON.parse(context).identity, '{not')
})

test('an escaped key of the source is found, and other escapes cost no look at the event', () => {
  const plan = (event: string) => planEvent(Buffer.from(event), split)
  const escaped = String.raw`{"Records":[{"messageId":"a","body":"b","\u0065vent\u0053ource":"aws:sqs"}]}`
  assert.equal(plan(escaped).kind, 'batch')
  assert.deepEqual(plan(String.raw`{"text":"\u00e4\u4e2d\u001f"}`), { kind: 'event', source: null })
})

test('slices of any JSON text are its parts', () => {
  const spaced = fc.tuple(fc.json({ maxDepth: 4 }), fc.constantFrom(undefined, 1, '\t'))
  fc.assert(
    fc.property(spaced, ([text, indent]) => {
      const value: unknown = JSON.parse(text)
      const json = Buffer.from(` ${JSON.stringify(value, null, indent)}\n`)
      const read = (slice: { start: number; end: number }): unknown =>
        JSON.parse(json.toString('utf8', slice.start, slice.end))
      const whole = wholeText(json)
      const members = [...membersOf(json, whole)].map(([key, slice]) => [key, read(slice)])
      const elements = elementsOf(json, whole).map(read)
      const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
      assert.deepEqual(Object.fromEntries(members), isObject ? value : {})
      assert.deepEqual(elements, Array.isArray(value) ? value : [])
    }),
    { numRuns: 300 },
  )
})
