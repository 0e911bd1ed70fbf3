import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { startBootstrap } from '../helpers/bootstrap.js'
import { fixture, missing } from '../helpers/project.js'
import { failuresOf, invokeAt, lambdaConfig, type RunningRr, sqsEvent, workerText } from '../helpers/rr.js'
import { testApi } from '../helpers/runtime-api.js'

async function start(t: TestContext, worker: string, settings = '') {
  const api = await testApi(t)
  const lambda = `mode: jobs${settings === '' ? '' : `\n  ${settings}`}`
  const config = lambdaConfig('WORKER', { count: 2, more: '', lambda }).replace('WORKER', worker)
  const rr = await startBootstrap(t, api, { config })
  return { rr, invoke: (event: unknown) => invokeAt(api.invokeUrl, JSON.stringify(event)) }
}

/** The lines with a message, once there are that many. */
async function logged(rr: RunningRr, message: string, count: number) {
  const lines: Readonly<Record<string, unknown>>[] = []
  await rr.line((line) => line.message === message && lines.push(line) >= count)
  return lines
}

const php = fixture('workers', 'jobs.php')

// What the package of that name would answer, without a word of PHP: the message's body is the worker's reply.
const reply = (type: number, data?: object) => JSON.stringify({ type, data })
const why = { message: 'out of stock', delay_seconds: 30 }
const replies = {
  complete: reply(0, []),
  fail: reply(1, { ...why, requeue: false }),
  'fail-requeue': reply(1, { ...why, requeue: true, headers: { attempts: ['2'] } }),
  ack: reply(2, {}),
  nack: reply(3, { ...why, requeue: false }),
  'nack-requeue': reply(3, { ...why, requeue: true }),
  requeue: reply(4, { ...why, headers: { attempts: ['2'] } }),
}
const names = Object.keys(replies)
const failed = ['message-1', 'message-2', 'message-4', 'message-5', 'message-6']

const workers: readonly [string, string | false, string, readonly string[]][] = [
  ['Node', false, workerText('echo'), Object.values(replies)],
  ['PHP', missing('php'), `php ${php}`, names],
]

for (const [language, skip, worker, bodies] of workers) {
  test(`acknowledged messages of a ${language} worker are done, the others are failed by name`, {
    skip,
  }, async (t) => {
    const { rr, invoke } = await start(t, worker)
    assert.deepEqual(failuresOf(await invoke(sqsEvent(bodies))), failed)
    const again = await logged(rr, 'a record failed and will be delivered again', 4)
    assert.deepEqual(new Set(again.map(({ errorMessage }) => errorMessage)), new Set(['out of stock']))
    assert.deepEqual(new Set(again.map(({ afterMs }) => afterMs)), new Set([30_000]))
    const given = await logged(rr, 'a worker gave up a record: it is left to the queue’s redrive policy', 1)
    assert.equal(String(given[0]?.job).split('/')[1], 'message-1')
  })

  test(`a FIFO group of a ${language} worker stops at what was not acknowledged`, { skip }, async (t) => {
    const { invoke } = await start(t, worker)
    const at = (name: string) => bodies[names.indexOf(name)] ?? ''
    const event = sqsEvent(
      [at('ack'), at('nack'), at('ack'), at('complete'), at('ack')],
      ['a', 'a', 'a', 'b', 'b'],
    )
    assert.deepEqual(failuresOf(await invoke(event)), ['message-1', 'message-2'])
  })
}

test('with `failed: log` a job that failed for good is acknowledged and written down', async (t) => {
  const { rr, invoke } = await start(t, workerText('echo'), 'failed: log')
  assert.deepEqual(failuresOf(await invoke(sqsEvent([replies.fail, replies.ack]))), [])
  const [line] = await logged(rr, 'a worker gave up a record', 1)
  assert.equal(line?.errorMessage, 'out of stock')
})

test('an error, a death and junk fail their message; an empty or unknown reply acknowledges it', async (t) => {
  const { rr, invoke } = await start(t, workerText('by-body'))
  const answer = await invoke(sqsEvent(['error', 'die', 'no-option', 'anything']))
  assert.deepEqual(failuresOf(answer), ['message-0', 'message-1', 'message-2'])
  const [line] = await logged(rr, 'the worker answered with the unknown type undefined', 1)
  assert.equal(line?.level, 'warn')
})

test('the PHP worker is handed the whole context', { skip: missing('php') }, async (t) => {
  const { rr, invoke } = await start(t, `php ${fixture('workers', 'jobs.php')}`)
  const [record] = sqsEvent(['ack']).Records
  const messageAttributes = { rr_job: { dataType: 'String', stringValue: 'App\\Ship' } }
  assert.deepEqual(failuresOf(await invoke({ Records: [{ ...record, messageAttributes }] })), [])
  const [line] = await logged(rr, 'told', 1)
  const { headers, ...context } = Object(line?.context)
  assert.deepEqual(context, {
    id: 'message-0',
    job: 'App\\Ship',
    driver: 'sqs',
    queue: 'queue',
    pipeline: 'queue',
  })
  assert.deepEqual(headers.ApproximateReceiveCount, ['2'])
  assert.equal(line?.body, 'ack')
})

test('failed records of Kinesis and Kafka are named as those sources want it', async (t) => {
  const { invoke } = await start(t, workerText('echo'))
  const data = (text: string) => Buffer.from(text).toString('base64')
  const kinesis = [replies.ack, replies.nack, replies.ack].map((body, at) => ({
    eventID: `shardId-0:${at}`,
    eventSource: 'aws:kinesis',
    eventSourceARN: 'arn:aws:kinesis:eu-west-1:1:stream/clicks',
    kinesis: { partitionKey: `key-${at}`, sequenceNumber: String(100 + at), data: data(body) },
  }))
  assert.deepEqual(failuresOf(await invoke({ Records: kinesis })), ['101'])
  const kafka = [replies.ack, replies.requeue, replies.ack].map((body, at) => ({
    topic: 'orders',
    partition: 0,
    offset: at,
    value: data(body),
    headers: [],
  }))
  const event = { eventSource: 'aws:kafka', bootstrapServers: 'b', records: { 'orders-0': kafka } }
  assert.deepEqual(failuresOf(await invoke(event)), [
    { partition: 'orders-0', offset: 1 },
    { partition: 'orders-0', offset: 2 },
  ])
})

test('an event that is not a batch is acknowledged with null, and fails with the worker’s reason', async (t) => {
  const { invoke } = await start(t, workerText('echo'))
  const done = await invoke({ type: 2 })
  assert.deepEqual([done.body, done.error], ['null', undefined])
  const retried = JSON.parse((await invoke({ type: 4, data: why })).body)
  assert.deepEqual([retried.errorType, retried.errorMessage], ['RR.Retry', 'out of stock'])
  const gone = JSON.parse((await invoke({ type: 1, data: why })).body)
  assert.equal(gone.errorType, 'RR.Failed')
})
