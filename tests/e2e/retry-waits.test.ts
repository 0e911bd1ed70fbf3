import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReceiveMessageCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { startBootstrap } from '../helpers/bootstrap.js'
import { failuresOf, invokeAt, lambdaConfig, sqsEvent, workerText } from '../helpers/rr.js'
import { testApi } from '../helpers/runtime-api.js'
import { startSqsServer } from '../helpers/sqs-server.js'

test('the wait that a worker asks for becomes the visibility of its record', async (t) => {
  const sqs = await startSqsServer(t)
  const { url } = sqs.createQueue('orders', { visibilitySeconds: 600 })
  const client = new SQSClient({
    region: 'us-east-1',
    endpoint: sqs.env.AWS_ENDPOINT_URL_SQS ?? '',
    credentials,
  })
  t.after(() => client.destroy())
  for (const body of ['1500', 'fine'])
    await client.send(new SendMessageCommand({ QueueUrl: url, MessageBody: body }))
  const receive = () =>
    client.send(new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: 10, WaitTimeSeconds: 5 }))
  const { Messages: messages = [] } = await receive()
  const event = sqsEvent(messages.map(({ Body: body = '' }) => body))
  const records = event.Records.map((record, at) => ({
    ...record,
    receiptHandle: messages[at]?.ReceiptHandle,
    eventSourceARN: 'arn:aws:sqs:us-east-1:000000000000:orders',
  }))
  const api = await testApi(t)
  const config = lambdaConfig(workerText('retries-after'), { more: '', count: 1 })
  const env = { ...sqs.env, AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' }
  const rr = await startBootstrap(t, api, { config, env })
  const answer = await invokeAt(api.invokeUrl, JSON.stringify({ Records: records }))
  const failed = messages.findIndex(({ Body: body }) => body === '1500')
  assert.deepEqual(failuresOf(answer), [`message-${failed}`])
  // The queue alone would hide it for ten minutes.
  const { Messages: again = [] } = await receive()
  assert.deepEqual(
    again.map(({ Body: body }) => body),
    ['1500'],
  )
  // A record that was never received is refused: told once, and reported as failed all the same.
  const refused = await invokeAt(
    api.invokeUrl,
    JSON.stringify({ Records: [{ ...records[failed], receiptHandle: 'unknown' }] }),
  )
  assert.deepEqual(failuresOf(refused), [`message-${failed}`])
  const line = await rr.line((one) => one.message.startsWith('SQS refused a wait'))
  assert.equal(line.level, 'warn')
})

const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
