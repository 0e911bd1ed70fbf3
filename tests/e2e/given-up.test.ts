import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { startBootstrap } from '../helpers/bootstrap.js'
import { failuresOf, invokeAt, lambdaConfig, sqsEvent, workerText } from '../helpers/rr.js'
import { testApi } from '../helpers/runtime-api.js'
import { startSqs } from '../helpers/sqs.js'

const credentials = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' }

/** `rr bootstrap` whose worker gives everything up, to this queue. */
async function start(t: TestContext, url: string, worker = 'gives-up') {
  const api = await testApi(t)
  const config = lambdaConfig(workerText(worker), { more: '', count: 1, lambda: `failed: "${url}"` })
  const rr = await startBootstrap(t, api, { config, env: credentials })
  return { api, rr, invoke: (event: unknown) => invokeAt(api.invokeUrl, JSON.stringify(event)) }
}

test('a record that was given up is sent to its queue with the known facts, and is acknowledged', async (t) => {
  const sqs = await startSqs(t)
  const { rr, invoke } = await start(t, sqs.createQueue('dead'))
  const answer = await invoke(sqsEvent(['{"order":7}']))
  assert.deepEqual(failuresOf(answer), [])
  const [message, ...others] = sqs.messagesIn('dead')
  assert.deepEqual(others, [])
  assert.equal(message?.body, '{"order":7}')
  // The reason's colours are not characters of SQS.
  assert.deepEqual(message?.attributes, {
    ErrorType: 'RR.Failed',
    ErrorMessage: '?[31mnever?[0m',
    RecordId: 'message-0',
    RequestId: answer.requestId,
    SourceArn: 'arn:aws:sqs:us-east-1:123456789012:queue',
    FunctionArn: 'arn:aws:lambda:us-east-1:123456789012:function:emulated',
  })
  const line = await rr.line((one) => one.message.includes('was sent to the queue of lambda.failed'))
  assert.deepEqual([line.level, line.requestId], ['warn', answer.requestId])
  assert.ok(!rr.text().includes('"order"'), 'the log tells the body')
})

test('a record is acknowledged only after the send has succeeded', async (t) => {
  let release!: () => void
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  const sqs = await startSqs(t, released)
  const { api, invoke } = await start(t, sqs.createQueue('dead'))
  const answer = invoke(sqsEvent(['x']))
  await sqs.asked
  const isAnswered = () => api.calls.some(({ path }) => path.endsWith('/response') || path.endsWith('/error'))
  assert.ok(!isAnswered())
  release()
  assert.deepEqual(failuresOf(await answer), [])
  assert.equal(sqs.messagesIn('dead').length, 1)
})

test('a send that fails fails the record, and what is behind it in its group', async (t) => {
  const sqs = await startSqs(t)
  const { rr, invoke } = await start(t, sqs.urlOf('nowhere'))
  const answer = await invoke(sqsEvent(['x', 'y', 'z'], ['a', 'b', 'a']))
  assert.deepEqual(failuresOf(answer), ['message-0', 'message-1', 'message-2'])
  for (const name of ['message-0', 'message-1']) {
    const line = await rr.line((one) => one.job === `${answer.requestId}/${name}` && 'queue' in one)
    assert.deepEqual(
      [line.level, line.message],
      ['error', 'a record that was given up could not be sent and will be delivered again'],
    )
  }
  // The third one was held back behind the first: it was not given up at all.
  const third = await rr.line((one) => one.message === 'records were held back behind the failed one')
  assert.deepEqual([third.job, third.records], [`${answer.requestId}/message-0`, 1])
})

test('a FIFO queue gets the group of the record and an id that does not double it', async (t) => {
  const sqs = await startSqs(t)
  const { invoke } = await start(t, sqs.createQueue('dead.fifo'))
  const event = sqsEvent(['1', '2'], ['g', 'h'])
  for (let times = 0; times < 2; times += 1) assert.deepEqual(failuresOf(await invoke(event)), [])
  const stored = sqs.messagesIn('dead.fifo').map(({ body, group, deduplicationId }) => ({
    body,
    group,
    deduplicationId,
  }))
  assert.deepEqual(
    stored.sort((a, b) => (a.body < b.body ? -1 : 1)),
    [
      { body: '1', group: 'g', deduplicationId: 'message-0' },
      { body: '2', group: 'h', deduplicationId: 'message-1' },
    ],
  )
})

test('bytes are sent as base64 and say so', async (t) => {
  const sqs = await startSqs(t)
  const { invoke } = await start(t, sqs.createQueue('dead'))
  const data = Buffer.from([0, 255, 10]).toString('base64')
  const kinesis = { sequenceNumber: '1', partitionKey: 'k', data }
  assert.deepEqual(failuresOf(await invoke({ Records: [{ eventSource: 'aws:kinesis', kinesis }] })), [])
  const [message] = sqs.messagesIn('dead')
  assert.equal(message?.body, data)
  assert.equal(message?.attributes.Encoding, 'base64')
})

test('a body that leaves no room is sent without what would be said about it; one over the limit fails', async (t) => {
  const sqs = await startSqs(t)
  const { rr, invoke } = await start(t, sqs.createQueue('dead'))
  const limit = 1024 * 1024
  assert.deepEqual(failuresOf(await invoke(sqsEvent(['x'.repeat(limit)]))), [])
  const [full] = sqs.messagesIn('dead')
  assert.equal(full?.body.length, limit)
  assert.deepEqual(full?.attributes, {})
  assert.deepEqual(failuresOf(await invoke(sqsEvent(['y'.repeat(limit + 1)]))), ['message-0'])
  const line = await rr.line(({ message }) => message === 'a send to `lambda.failed` failed')
  assert.match(String(line.error), /larger than the 1048576 bytes/)
  assert.equal(sqs.messagesIn('dead').length, 1)
})

test('a record that kills its own worker is sent to the queue with the last lines; the others are done', async (t) => {
  const sqs = await startSqs(t)
  const api = await testApi(t)
  const lambda = `failed: "${sqs.createQueue('dead')}"\n  quarantine: { after: 2 }`
  const config = lambdaConfig(workerText('dies-of-body'), { more: '', count: 1, lambda })
  const rr = await startBootstrap(t, api, { config, env: credentials })
  const event = JSON.stringify(sqsEvent(['ok', 'die', 'ok']))
  for (let death = 1; death <= 2; death += 1)
    assert.deepEqual(failuresOf(await invokeAt(api.invokeUrl, event)), ['message-1'])
  assert.equal(sqs.messagesIn('dead').length, 0)
  assert.deepEqual(failuresOf(await invokeAt(api.invokeUrl, event)), [])
  const [message] = sqs.messagesIn('dead')
  assert.equal(message?.body, 'die')
  assert.equal(message?.attributes.ErrorType, 'RR.WorkerCrashed')
  assert.match(message?.attributes.ErrorMessage ?? '', /has killed 3 workers.*its last lines: the last words/)
  assert.equal(rr.child.exitCode, null)
})
