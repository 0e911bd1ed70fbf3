import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ContextMaker } from '../../src/plugins/lambda/plan/context.js'
import { planEvent } from '../../src/plugins/lambda/plan/split.js'
import { type HandlerPool, startHandler } from '../helpers/handler-pool.js'
import { invocationOf } from '../helpers/lambda.js'
import { sqsEvent } from '../helpers/rr.js'

const bytes = Buffer.from([0xff, 0, 0xfe, 0xc3, 0x28]).toString('base64')
const kafka = (eventSource: string, values: readonly unknown[]) => ({
  eventSource,
  eventSourceArn: 'arn:aws:kafka:eu-west-1:1:cluster/c',
  bootstrapServers: 'b-1:9092,b-2:9092',
  records: {
    't-0': values.map((value, offset) => ({
      topic: 't',
      partition: 0,
      offset,
      timestamp: 1,
      key: null,
      headers: [],
      value,
    })),
  },
})
const rabbit = {
  eventSource: 'aws:rmq',
  eventSourceArn: 'arn:aws:mq:eu-west-1:1:broker:b',
  rmqMessagesByQueue: {
    'q::/': [{ basicProperties: { bodySize: 5, headers: null }, redelivered: false, data: bytes }],
  },
}

/** An event of one record: split into a job, its handler gets the same event again. */
const events: readonly object[] = [
  sqsEvent(['päyload\n"\u{1f600}']),
  sqsEvent(['a'], ['group']),
  {
    Records: [
      {
        eventSource: 'aws:kinesis',
        kinesis: { sequenceNumber: '1', partitionKey: 'k', data: bytes, approximateArrivalTimestamp: 1.5 },
        eventID: 'e',
      },
    ],
  },
  { Records: [{ eventSource: 'aws:kinesis', kinesis: { sequenceNumber: '1', data: '' } }] },
  {
    Records: [
      {
        eventSource: 'aws:dynamodb',
        dynamodb: { SequenceNumber: '1', Keys: { id: { N: '12345678901234567890' } } },
      },
    ],
  },
  kafka('aws:kafka', [bytes]),
  kafka('SelfManagedKafka', [null]),
  kafka('aws:kafka', ['']),
  rabbit,
  {
    eventSource: 'aws:amq',
    eventSourceArn: 'arn',
    messages: [{ messageID: 'm', data: bytes, destination: { physicalName: 'q' } }],
  },
  { eventSource: 'aws:mq', eventSourceArn: 'arn', messages: [{ messageID: 'm', data: '' }] },
]

async function callWith(handler: HandlerPool, event: object) {
  const invocation = invocationOf(event)
  const plan = planEvent(invocation.body, { isSplit: true, fifo: 'group', splitsAmazonMq: true })
  assert.ok(plan.kind === 'batch')
  const facts = { functionName: null, functionVersion: null, memoryLimitInMB: null }
  const contexts = new ContextMaker(invocation, facts, plan.source, plan.shared)
  const [record] = plan.records
  assert.ok(record !== undefined)
  return handler.call(Buffer.from(record.body), JSON.parse(contexts.ofRecord(record)))
}

test('a record of every source comes in its source’s own event, byte for byte', async (t) => {
  const handler = await startHandler(t, { 'index.mjs': 'export const handler = async (event) => event' })
  for (const event of events)
    assert.deepEqual(JSON.parse((await callWith(handler, event)).result ?? ''), event)
})

test('a small batch is the event as it came, and an event of a queue of one’s own has its source’s shape', async (t) => {
  const handler = await startHandler(t, { 'index.mjs': 'export const handler = async (event) => event' })
  const batch = sqsEvent(['a', 'b'])
  assert.deepEqual(
    JSON.parse((await handler.call(batch, { kind: 'records', source: 'aws:sqs' })).result ?? ''),
    batch,
  )
  const record = { topic: 't', partition: 3, offset: 1 }
  const own = await handler.call(Buffer.from('x'), { kind: 'record', source: 'aws:kafka', record })
  assert.deepEqual(JSON.parse(own.result ?? ''), {
    eventSource: 'aws:kafka',
    records: { 't-3': [{ ...record, value: 'eA==' }] },
  })
})

test('the context has AWS’s keys and types, and the variables of an event are its own', async (t) => {
  const handler = await startHandler(
    t,
    {
      'index.js': `exports.handler = async (event, context) => ({
        keys: Object.keys(context).sort(),
        values: { ...context, left: context.getRemainingTimeInMillis() },
        waits: context.callbackWaitsForEmptyEventLoop,
        trace: process.env._X_AMZN_TRACE_ID ?? null,
        root: [process.env.LAMBDA_TASK_ROOT === __dirname, process.env._HANDLER],
        requestId: globalThis[Symbol.for('aws.lambda.runtime.requestId')],
        isEmpty: event === undefined,
      })`,
    },
    { env: { AWS_LAMBDA_LOG_GROUP_NAME: '/aws/lambda/f', AWS_LAMBDA_LOG_STREAM_NAME: 's' } },
  )
  const context = {
    functionName: 'f',
    functionVersion: '$LATEST',
    memoryLimitInMB: 128,
    invokedFunctionArn: 'arn',
    awsRequestId: 'r-7',
    clientContext: { custom: { a: 1 } },
    identity: { cognitoIdentityId: 'i' },
    tenantId: 't',
    traceId: 'Root=1-a',
    deadlineMs: null,
  }
  const told = JSON.parse((await handler.call({}, context)).result ?? '')
  assert.deepEqual(told.keys, [
    'awsRequestId',
    'callbackWaitsForEmptyEventLoop',
    'clientContext',
    'done',
    'fail',
    'functionName',
    'functionVersion',
    'getRemainingTimeInMillis',
    'identity',
    'invokedFunctionArn',
    'logGroupName',
    'logStreamName',
    'memoryLimitInMB',
    'succeed',
    'tenantId',
  ])
  assert.deepEqual(told.values, {
    callbackWaitsForEmptyEventLoop: true,
    functionName: 'f',
    functionVersion: '$LATEST',
    memoryLimitInMB: '128',
    invokedFunctionArn: 'arn',
    awsRequestId: 'r-7',
    clientContext: { custom: { a: 1 } },
    identity: { cognitoIdentityId: 'i' },
    tenantId: 't',
    logGroupName: '/aws/lambda/f',
    logStreamName: 's',
    left: 900_000,
  })
  assert.deepEqual(
    [told.waits, told.trace, told.root, told.requestId],
    [true, 'Root=1-a', [true, 'index.handler'], 'r-7'],
  )
  const next = JSON.parse((await handler.call(Buffer.alloc(0), { traceId: null })).result ?? '')
  assert.deepEqual([next.trace, next.isEmpty, next.values.clientContext], [null, true, undefined])
  assert.equal((await handler.call(Buffer.from('{no'))).error?.errorType, 'SyntaxError')
})
