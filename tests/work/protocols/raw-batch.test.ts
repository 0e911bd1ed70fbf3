import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rawBatchProtocol } from '../../../src/work/protocols/raw-batch.js'
import type { Delivery } from '../../../src/work/source.js'
import { delivery } from '../../helpers/deliveries.js'

function jobOf(deliveries: readonly Delivery[]) {
  const { context, body, id } = rawBatchProtocol.toJob(deliveries)
  return { context: JSON.parse(String(context)), event: JSON.parse(String(body)), id }
}

function verdictsOf(deliveries: readonly Delivery[], answer: unknown): readonly string[] {
  const body = Buffer.from(typeof answer === 'string' ? answer : JSON.stringify(answer))
  const reply = { context: Buffer.alloc(0), body, flags: 4 }
  return rawBatchProtocol.verdicts(reply, deliveries).map(({ kind }) => kind)
}

const failures = (...names: readonly unknown[]) => ({
  batchItemFailures: names.map((itemIdentifier) => ({ itemIdentifier })),
})

test('records are as Lambda has them: bodies in the event, the rest in the context too', () => {
  const two = ['1', '2'].map((id) =>
    delivery(id, { source: 'aws:sqs', record: { messageId: id, eventSource: 'aws:sqs' } }),
  )
  const { context, event, id } = jobOf(two)
  assert.deepEqual(
    [context.kind, context.source, context.attempt, context.record, context.awsRequestId, id],
    ['records', 'aws:sqs', null, null, null, '1+1'],
  )
  assert.deepEqual(context.records, [
    { messageId: '1', eventSource: 'aws:sqs' },
    { messageId: '2', eventSource: 'aws:sqs' },
  ])
  assert.deepEqual(event, {
    Records: [
      { messageId: '1', eventSource: 'aws:sqs', body: '1' },
      { messageId: '2', eventSource: 'aws:sqs', body: '2' },
    ],
  })
})

test('a body that is not text is base64 and says so; a record without an id has that of its delivery', () => {
  const { event } = jobOf([
    delivery('1', { body: Buffer.from([0xff, 0]) }),
    delivery('2', { body: Buffer.from('ü') }),
  ])
  assert.deepEqual(event.Records, [
    { messageId: '1', body: '/wA=', isBase64Encoded: true },
    { messageId: '2', body: 'ü' },
  ])
})

test('messages of RabbitMQ and Kafka are listed by queue and by partition', () => {
  const rabbit = delivery('1', { source: 'aws:rmq', record: { redelivered: false, queue: 'q::/' } })
  assert.deepEqual(jobOf([rabbit]).event, {
    eventSource: 'aws:rmq',
    rmqMessagesByQueue: { 'q::/': [{ messageId: '1', redelivered: false, data: 'MQ==' }] },
  })
  const kafka = ['7', '8'].map((id) =>
    delivery(id, { source: 'aws:kafka', record: { topic: 't', partition: Number(id) - 7, offset: 5 } }),
  )
  const { event } = jobOf(kafka)
  assert.deepEqual(event.records, {
    't-0': [{ topic: 't', partition: 0, offset: 5, value: 'Nw==' }],
    't-1': [{ topic: 't', partition: 1, offset: 5, value: 'OA==' }],
  })
  assert.deepEqual(verdictsOf(kafka, failures({ offset: 5, partition: 't-1' })), ['done', 'retry'])
})

test('only the messages that an answer names are tried again; an answer that cannot be right fails all', () => {
  const three = ['1', '2', '3'].map((id) => delivery(id))
  const cases: readonly [answer: unknown, kinds: readonly string[]][] = [
    ['', ['done', 'done', 'done']],
    [null, ['done', 'done', 'done']],
    [failures(), ['done', 'done', 'done']],
    [failures('2'), ['done', 'retry', 'done']],
    [failures('1', '3'), ['retry', 'done', 'retry']],
    [failures('4'), ['retry', 'retry', 'retry']],
    [failures('1', '1'), ['retry', 'retry', 'retry']],
    ['what?', ['retry', 'retry', 'retry']],
  ]
  for (const [answer, kinds] of cases)
    assert.deepEqual(verdictsOf(three, answer), kinds, JSON.stringify(answer))
  // Delivered twice, a message is not acknowledged by the one that went well.
  assert.deepEqual(verdictsOf([delivery('1'), delivery('1')], failures('1')), ['retry', 'retry'])
})
