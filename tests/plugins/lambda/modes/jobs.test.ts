import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DynamoDBStreamEvent, KinesisStreamEvent, MSKEvent, SQSEvent, SQSRecord } from 'aws-lambda'
import { toLambdaError } from '../../../../src/plugins/lambda/errors.js'
import { jobsMode } from '../../../../src/plugins/lambda/modes/jobs.js'
import { ContextMaker } from '../../../../src/plugins/lambda/plan/context.js'
import { deliveriesOf } from '../../../../src/plugins/lambda/plan/record-delivery.js'
import { planEvent } from '../../../../src/plugins/lambda/plan/split.js'
import { readJobsReply } from '../../../../src/work/protocols/jobs.js'
import { invocationOf } from '../../../helpers/lambda.js'

const facts = { functionName: 'f', functionVersion: '1', memoryLimitInMB: 128 }

/** The contexts and bodies of all jobs that an event becomes. */
function jobsOf(
  event: object,
): readonly { readonly context: Record<string, unknown>; readonly body: string }[] {
  const invocation = { ...invocationOf(event, 'r-1', 5000), traceId: 'Root=1' }
  const plan = planEvent(invocation.body, { isSplit: true, fifo: 'group' })
  const contexts = new ContextMaker(invocation, facts, plan.source)
  const about = { invocation, tags: { requestId: 'r-1' }, source: plan.source, contexts }
  if (plan.kind === 'event') {
    const work = jobsMode.eventWork(about)
    assert.ok(!(work instanceof Promise) && 'read' in work)
    return [{ context: JSON.parse(String(work.context)), body: String(work.body) }]
  }
  return deliveriesOf(plan).map((delivery) => {
    const { context, body } = jobsMode.protocol(about).toJob([delivery])
    return { context: JSON.parse(String(context)), body: String(body) }
  })
}

const lambda = { 'lambda-request-id': ['r-1'], 'lambda-deadline-ms': ['5000'], 'lambda-trace-id': ['Root=1'] }
const text = (stringValue: string) => ({ dataType: 'String', stringValue })

function sqsRecord(changes: Partial<SQSRecord> = {}): SQSRecord {
  return {
    messageId: 'm-1',
    receiptHandle: 'h',
    body: '{"order":1}',
    attributes: {
      ApproximateReceiveCount: '2',
      SentTimestamp: '1',
      SenderId: 's',
      ApproximateFirstReceiveTimestamp: '1',
    },
    messageAttributes: {},
    md5OfBody: '',
    eventSource: 'aws:sqs',
    eventSourceARN: 'arn:aws:sqs:eu-west-1:123456789012:orders',
    awsRegion: 'eu-west-1',
    ...changes,
  }
}

test('a message from another sender becomes a job with the queue’s attributes as headers', () => {
  const event: SQSEvent = { Records: [sqsRecord({ messageAttributes: { color: text('red') } })] }
  assert.deepEqual(jobsOf(event), [
    {
      context: {
        id: 'm-1',
        job: 'deduced_by_rr',
        driver: 'sqs',
        headers: {
          ...lambda,
          ApproximateReceiveCount: ['2'],
          SentTimestamp: ['1'],
          SenderId: ['s'],
          ApproximateFirstReceiveTimestamp: ['1'],
          color: ['red'],
        },
        queue: 'orders',
        pipeline: 'orders',
      },
      body: '{"order":1}',
    },
  ])
})

test('a message that RoadRunner pushed keeps its id, job, pipeline and headers', () => {
  const messageAttributes = {
    rr_id: text('own-id'),
    rr_job: text('App\\Ship'),
    rr_pipeline: text('shipping'),
    rr_headers: text('{"tries":["1","2"],"one":"x","__proto__":["y"]}'),
    rr_delay: text('5'),
    rr_priority: text('10'),
    rr_auto_ack: text('0'),
    bytes: { dataType: 'Binary' as const, binaryValue: 'AAE=' },
  }
  const attributes = { ...sqsRecord().attributes, MessageGroupId: 'g', SequenceNumber: '7' }
  const eventSourceARN = 'arn:aws:sqs:eu-west-1:123456789012:orders.fifo'
  const [job] = jobsOf({ Records: [sqsRecord({ messageAttributes, attributes, eventSourceARN })] })
  const { headers, ...context } = job?.context ?? {}
  assert.deepEqual(context, {
    id: 'own-id',
    job: 'App\\Ship',
    driver: 'sqs',
    queue: 'orders.fifo',
    pipeline: 'shipping',
  })
  const named = Object.entries(Object(headers))
  assert.deepEqual(
    named.filter(([name]) => !Object.hasOwn({ ...sqsRecord().attributes, ...lambda }, name)),
    [
      ['MessageGroupId', ['g']],
      ['SequenceNumber', ['7']],
      ['bytes', ['AAE=']],
      ['tries', ['1', '2']],
      ['one', ['x']],
      ['__proto__', ['y']],
    ],
  )
})

test('headers that are no JSON are somebody else’s', () => {
  for (const value of ['nonsense', '[]', '1', 'null'])
    assert.equal(
      jobsOf({ Records: [sqsRecord({ messageAttributes: { rr_headers: text(value) } })] }).length,
      1,
    )
})

test('Kafka’s context has topic, partition and offset, and its headers as text, whatever they are called', () => {
  const header = (name: string, ...bytes: readonly number[]) => Object.fromEntries([[name, bytes]])
  const record = {
    topic: 'orders',
    partition: 3,
    offset: 42,
    timestamp: 1,
    timestampType: 'CREATE_TIME' as const,
    key: 'aw==',
    value: Buffer.from('{"order":1}').toString('base64'),
    headers: [header('tries', 49), header('tries', 50), header('constructor', 99), header('ä', -61, -92)],
  }
  // AWS's types want a plain function where a header is called constructor.
  const event: Omit<MSKEvent, 'records'> & { records: object } = {
    eventSource: 'aws:kafka',
    eventSourceArn: 'arn:aws:kafka:eu-west-1:1:cluster/c/u',
    bootstrapServers: 'b:9092',
    records: { 'orders-3': [record] },
  }
  const [job] = jobsOf(event)
  const { headers, id, ...context } = job?.context ?? {}
  assert.equal(typeof id, 'string')
  assert.deepEqual(context, {
    job: 'deduced_by_rr',
    driver: 'kafka',
    queue: 'orders',
    pipeline: 'orders',
    topic: 'orders',
    partition: 3,
    offset: 42,
  })
  assert.deepEqual(Object.entries(Object(headers)).slice(3), [
    ['tries', ['1', '2']],
    ['constructor', ['c']],
    ['ä', ['ä']],
  ])
  assert.equal(job?.body, '{"order":1}')
  assert.equal(jobsOf({ ...event, eventSource: 'SelfManagedKafka' })[0]?.context.driver, 'kafka')
})

test('Kinesis and DynamoDB are drivers of their own, and their queue is the stream or the table', () => {
  const kinesis: KinesisStreamEvent = {
    Records: [
      {
        awsRegion: 'r',
        eventID: 'shardId-0:1',
        eventName: 'aws:kinesis:record',
        eventSource: 'aws:kinesis',
        eventSourceARN: 'arn:aws:kinesis:eu-west-1:1:stream/clicks',
        eventVersion: '1.0',
        invokeIdentityArn: 'a',
        kinesis: {
          approximateArrivalTimestamp: 1.5,
          data: Buffer.from('bytes').toString('base64'),
          kinesisSchemaVersion: '1.0',
          partitionKey: 'p',
          sequenceNumber: '1',
        },
      },
    ],
  }
  const [click] = jobsOf(kinesis)
  assert.deepEqual(
    [click?.context.driver, click?.context.queue, click?.context.pipeline, click?.body],
    ['kinesis', 'clicks', 'clicks', 'bytes'],
  )
  const dynamodb: DynamoDBStreamEvent = {
    Records: [
      {
        eventID: '1',
        eventName: 'INSERT',
        eventSource: 'aws:dynamodb',
        eventSourceARN: 'arn:aws:dynamodb:eu-west-1:1:table/users/stream/2026-01-01T00:00:00.000',
        dynamodb: { Keys: { id: { S: '1' } }, SequenceNumber: '1', StreamViewType: 'KEYS_ONLY' },
      },
    ],
  }
  const [user] = jobsOf(dynamodb)
  assert.deepEqual([user?.context.driver, user?.context.queue], ['dynamodb', 'users'])
})

test('an event that is not a batch is one job, named after the function and the request', () => {
  assert.deepEqual(jobsOf({ detail: 1 }), [
    {
      context: {
        id: 'r-1',
        job: 'deduced_by_rr',
        driver: 'lambda',
        headers: lambda,
        queue: 'f',
        pipeline: 'f',
      },
      body: '{"detail":1}',
    },
  ])
})

test('every reply type of RoadRunner’s jobs is understood, old and new', () => {
  const data = { message: 'why', delay_seconds: 30 }
  const after = { afterMs: 30_000 }
  const cases: readonly [unknown, string, object][] = [
    [{ type: 0 }, 'done', {}],
    [{ type: 0, data: [] }, 'done', {}],
    [
      { type: 1, data: { ...data, requeue: true, headers: { a: ['b'] } } },
      'retry',
      { errorType: 'RR.Retry', ...after },
    ],
    [{ type: 1, data: { ...data, requeue: false } }, 'fail', { errorType: 'RR.Failed' }],
    [{ type: 2, data: {} }, 'done', {}],
    [{ type: 3, data: { ...data, requeue: false } }, 'retry', { errorType: 'RR.JobFailed', ...after }],
    [{ type: 3, data: { ...data, requeue: true } }, 'retry', { errorType: 'RR.JobFailed', ...after }],
    [{ type: 3, data: { message: 'why', delay_seconds: 0 } }, 'retry', { errorType: 'RR.JobFailed' }],
    [{ type: 4, data: { ...data, headers: {} } }, 'retry', { errorType: 'RR.Retry', ...after }],
    [{ type: 4, data: { message: 'why', delay_seconds: -1 } }, 'retry', { errorType: 'RR.Retry' }],
  ]
  for (const [reply, kind, expected] of cases) {
    const verdict = read(JSON.stringify(reply))
    assert.equal(verdict.kind, kind, JSON.stringify(reply))
    if (verdict.kind === 'done') {
      assert.equal(verdict.warning, undefined)
      continue
    }
    assert.equal(verdict.why.message, 'why')
    const given =
      verdict.kind === 'retry' && verdict.afterMs !== undefined ? { afterMs: verdict.afterMs } : {}
    assert.deepEqual({ errorType: toLambdaError(verdict.why).errorType, ...given }, expected)
  }
})

test('an empty reply acknowledges; what cannot be read acknowledges with a warning, as in RoadRunner', () => {
  assert.deepEqual(read(''), { kind: 'done', body: new Uint8Array() })
  for (const body of ['nonsense', '{"type":9}', '{}', '[]', 'null', '{"type":"1"}', '\xff']) {
    const verdict = read(body)
    assert.ok(verdict.kind === 'done' && verdict.warning !== undefined, body)
  }
})

function read(body: string) {
  return readJobsReply({ context: new Uint8Array(), body: new Uint8Array(Buffer.from(body)), flags: 0 })
}
