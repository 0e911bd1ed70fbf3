import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { hasCode } from '../../src/core/errors.js'
import { Codec } from '../../src/index.js'
import { ContextMaker } from '../../src/plugins/lambda/plan/context.js'
import { planEvent } from '../../src/plugins/lambda/plan/split.js'
import { invocationOf } from '../helpers/lambda.js'
import { startPool, textOf } from '../helpers/pool.js'
import { fixture, missing, projectFolder } from '../helpers/project.js'

const skip = missing('python3')
const facts = { functionName: null, functionVersion: null, memoryLimitInMB: null }
const digits = '12345678901234567890'

function start(t: TestContext) {
  return startPool(t, ['python3', '-m', 'relayrunner', 'records.handler'], {
    env: { PYTHONPATH: `${projectFolder}/workers/python/src`, LAMBDA_TASK_ROOT: fixture('python') },
  })
}

/** The jobs of an event's records, as the plugin makes them. */
function jobsOf(event: string) {
  const body = Buffer.from(event)
  const plan = planEvent(body, { isSplit: true, fifo: 'group', splitsAmazonMq: true })
  assert.ok(plan.kind === 'batch', event)
  const contexts = new ContextMaker(invocationOf(body), facts, plan.source, plan.shared)
  return plan.records.map((record) => ({
    context: contexts.ofRecord(record),
    body: record.body,
    codec: Codec.raw,
  }))
}

const head = (source: string) =>
  `"eventSource": "${source}", "eventSourceArn": "arn:1", "bootstrapServers": "b:9092"`
const kafka = (offset: string, value: string) =>
  `{"topic": "t", "partition": 0, "offset": ${offset}, "timestamp": 1.0, "key": null, "headers": [{"h": [1, 2]}]${value}}`

/** An event, and what the handler gets for each of its records, in Python's spacing. Members may come in another order. */
const events: readonly (readonly [source: string, event: string, seen: readonly string[]])[] = [
  [
    'SQS',
    `{"Records": [{"messageId": "a", "body": "\\"東\\"", "n": ${digits}, "eventSource": "aws:sqs"}, {"messageId": "b", "body": "null", "eventSource": "aws:sqs"}], "x": 1.0}`,
    [
      `{"x": 1.0, "Records": [{"messageId": "a", "n": ${digits}, "eventSource": "aws:sqs", "body": "\\"東\\""}]}`,
      `{"x": 1.0, "Records": [{"messageId": "b", "eventSource": "aws:sqs", "body": "null"}]}`,
    ],
  ],
  [
    'Kinesis',
    `{"Records": [{"kinesis": {"sequenceNumber": "1", "data": "/wD+", "at": 1.5}, "eventSource": "aws:kinesis"}]}`,
    [
      `{"Records": [{"kinesis": {"sequenceNumber": "1", "at": 1.5, "data": "/wD+"}, "eventSource": "aws:kinesis"}]}`,
    ],
  ],
  [
    'DynamoDB',
    `{"Records": [{"dynamodb": {"SequenceNumber": "1", "NewImage": {"n": {"N": "${digits}.5"}}, "at": ${digits}}, "eventSource": "aws:dynamodb"}]}`,
    [
      `{"Records": [{"dynamodb": {"SequenceNumber": "1", "NewImage": {"n": {"N": "${digits}.5"}}, "at": ${digits}}, "eventSource": "aws:dynamodb"}]}`,
    ],
  ],
  ...['aws:kafka', 'SelfManagedKafka'].map((source): (typeof events)[number] => [
    source,
    `{${head(source)}, "records": {"t-0": [${kafka(digits, ', "value": "/wD+"')}, ${kafka('2', ', "value": null')}], "t-1": [${kafka('3', ', "value": ""')}]}}`,
    [
      `{${head(source)}, "records": {"t-0": [${kafka(digits, ', "value": "/wD+"')}]}}`,
      `{${head(source)}, "records": {"t-0": [${kafka('2', ', "value": null')}]}}`,
      `{${head(source)}, "records": {"t-1": [${kafka('3', ', "value": ""')}]}}`,
    ],
  ]),
  [
    'ActiveMQ',
    `{"eventSource": "aws:mq", "eventSourceArn": "arn:1", "messages": [{"messageID": "m", "data": "/wD+", "timestamp": ${digits}}]}`,
    [
      `{"eventSource": "aws:mq", "eventSourceArn": "arn:1", "messages": [{"messageID": "m", "timestamp": ${digits}, "data": "/wD+"}]}`,
    ],
  ],
  [
    'RabbitMQ',
    `{"eventSource": "aws:rmq", "eventSourceArn": "arn:1", "rmqMessagesByQueue": {"q::/": [{"data": "/wD+", "redelivered": false}]}}`,
    [
      `{"eventSource": "aws:rmq", "eventSourceArn": "arn:1", "rmqMessagesByQueue": {"q::/": [{"redelivered": false, "data": "/wD+"}]}}`,
    ],
  ],
]

const failure = { itemIdentifier: 'm' }
/** Answers for a batch of one: whatever a list names is that record, since Lambda fails the whole batch for an unknown name. */
const answers: readonly (readonly [result: unknown, isRetried: boolean])[] = [
  [null, false],
  ['done', false],
  [{}, false],
  [[], false],
  [{ batchItemFailures: [] }, false],
  [{ batchItemFailures: null }, false],
  [{ statusCode: 500 }, false],
  [['batchItemFailures'], false],
  ['batchItemFailures', false],
  [{ batchItemFailures: [failure] }, true],
  [{ batchItemFailures: [{ itemIdentifier: 'somebody else' }] }, true],
  [{ batchItemFailures: [{ itemIdentifier: '' }] }, true],
  [{ batchItemFailures: [null] }, true],
  [{ batchItemFailures: failure }, true],
  [JSON.stringify({ batchItemFailures: [failure] }), true],
]

test('a record of a split batch reaches an ordinary Python handler in its source’s own event shape', {
  skip,
}, async (t) => {
  const { pool, lines } = await start(t)
  for (const [source, event, seen] of events) {
    for (const [at, job] of jobsOf(event).entries()) {
      const id = `${source}-${at}`
      assert.equal((await pool.run({ ...job, id })).context.length, 0, source)
      const told = lines.find(({ job: named }) => named === id)
      assert.equal(JSON.parse(told?.text ?? '{}').event, seen[at], source)
    }
  }
})

test('a record is acknowledged unless its Python handler raises or names a failure', { skip }, async (t) => {
  const { pool } = await start(t)
  for (const [result, isRetried] of answers) {
    const event = { Records: [{ messageId: 'm', body: JSON.stringify(result), eventSource: 'aws:sqs' }] }
    const [job] = jobsOf(JSON.stringify(event))
    assert.ok(job !== undefined)
    const { context } = await pool.run(job)
    const outcome = context.length === 0 ? undefined : JSON.parse(Buffer.from(context).toString()).outcome
    assert.equal(outcome, isRetried ? 'retry' : undefined, JSON.stringify(result))
  }
  const [job] = jobsOf('{"Records":[{"messageId":"m","body":"no JSON","eventSource":"aws:sqs"}]}')
  assert.ok(job !== undefined)
  await assert.rejects(pool.run(job), (error) => hasCode(error, 'RR_JOB_FAILED'))
})

test('small batches reach an ordinary Python handler as batches, and its list of failures is handed on', {
  skip,
}, async (t) => {
  const { pool } = await start(t)
  const result = { batchItemFailures: [{ itemIdentifier: 'b' }] }
  const records = ['a', 'b'].map((messageId) => ({
    messageId,
    body: JSON.stringify(result),
    eventSource: 'aws:sqs',
  }))
  const body = Buffer.from(JSON.stringify({ Records: records }))
  const plan = planEvent(body, { isSplit: true, fifo: 'group' })
  assert.ok(plan.kind === 'batch')
  const contexts = new ContextMaker(invocationOf(body), facts, plan.source, plan.shared)
  const answer = await pool.run({
    context: contexts.ofRecords(plan.records),
    body: contexts.eventOf(plan.records),
    codec: Codec.raw,
  })
  assert.deepEqual([JSON.parse(textOf(answer)), answer.context.length], [result, 0])
})
