/** The queues in memory as AWS's own client sees them. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageBatchCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ListQueuesCommand,
  PurgeQueueCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'
import { systemClock } from '../../../../src/core/clock.js'
import { silentLogger } from '../../../../src/logging/logger.js'
import { EmulatorServer } from '../../../../src/plugins/emulator/http/server.js'
import { sqsRoute } from '../../../../src/plugins/emulator/mapping/sqs-endpoint.js'
import { problemOfMessage } from '../../../../src/plugins/emulator/mapping/sqs-limits.js'
import { MemoryQueue } from '../../../../src/work/queues/memory/memory-queue.js'
import { lambdaConfig, started, startRr, workerText } from '../../../helpers/rr.js'
import { openQueueOf } from '../../../helpers/sqs-server.js'

const credentials = { accessKeyId: 'any', secretAccessKey: 'any' }

async function serve(t: TestContext, name: string) {
  const clock = systemClock
  const common = { clock, newId: randomUUID, visibilityMs: 60_000, problemOf: problemOfMessage }
  const deadLetter = new MemoryQueue({ ...common, name: name.replace(/([.]fifo)?$/, '-dead$1') })
  const queue = new MemoryQueue({ ...common, name, deadLetter, receiveMax: 2 })
  const route = sqsRoute({ queues: [queue, deadLetter], address: () => server.address, log: silentLogger })
  const server = new EmulatorServer({
    address: '127.0.0.1:0',
    timeoutMs: 30_000,
    clock,
    log: silentLogger,
    route,
  })
  await server.listen()
  t.after(() => server.close())
  const endpoint = `http://${server.address}`
  const client = new SQSClient({ endpoint, region: 'us-east-1', credentials })
  t.after(() => client.destroy())
  const { QueueUrl: url } = await client.send(new GetQueueUrlCommand({ QueueName: name }))
  assert.equal(url, `${endpoint}/123456789012/${name}`)
  return { client, url, endpoint, queue }
}

test('AWS’s client sends, receives, hides and deletes, and its own check of the digests is content', async (t) => {
  const { client, url } = await serve(t, 'orders')
  const MessageAttributes = {
    text: { DataType: 'String', StringValue: 'ü' },
    bytes: { DataType: 'Binary', BinaryValue: new Uint8Array([0, 255]) },
  }
  const sent = await client.send(
    new SendMessageCommand({ QueueUrl: url, MessageBody: '{"n":1}', MessageAttributes }),
  )
  const { Messages: [first] = [] } = await client.send(
    new ReceiveMessageCommand({
      QueueUrl: url,
      MessageSystemAttributeNames: ['ApproximateReceiveCount'],
      MessageAttributeNames: ['All'],
    }),
  )
  assert.deepEqual(
    [first?.MessageId, first?.Body, first?.MD5OfBody, first?.Attributes],
    [sent.MessageId, '{"n":1}', sent.MD5OfMessageBody, { ApproximateReceiveCount: '1' }],
  )
  assert.equal(first?.MD5OfMessageAttributes, sent.MD5OfMessageAttributes)
  assert.deepEqual(first?.MessageAttributes?.text?.StringValue, 'ü')
  assert.deepEqual([...(first?.MessageAttributes?.bytes?.BinaryValue ?? [])], [0, 255])
  const empty = await client.send(new ReceiveMessageCommand({ QueueUrl: url }))
  assert.equal(empty.Messages, undefined)
  const change = { QueueUrl: url, ReceiptHandle: first?.ReceiptHandle, VisibilityTimeout: 0 }
  await client.send(new ChangeMessageVisibilityCommand(change))
  const { Messages: [again] = [] } = await client.send(new ReceiveMessageCommand({ QueueUrl: url }))
  await client.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle: again?.ReceiptHandle }))
  const { Attributes: counts } = await client.send(
    new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['All'] }),
  )
  assert.deepEqual(counts, {
    QueueArn: 'arn:aws:sqs:us-east-1:123456789012:orders',
    ApproximateNumberOfMessages: '0',
    ApproximateNumberOfMessagesNotVisible: '0',
    ApproximateNumberOfMessagesDelayed: '0',
    VisibilityTimeout: '60',
    RedrivePolicy: JSON.stringify({
      deadLetterTargetArn: 'arn:aws:sqs:us-east-1:123456789012:orders-dead',
      maxReceiveCount: 2,
    }),
  })
})

test('the digest of attributes is the one that AWS documents', async (t) => {
  const { client, url } = await serve(t, 'orders')
  const { MD5OfMessageAttributes: md5 } = await client.send(
    new SendMessageCommand({
      QueueUrl: url,
      MessageBody: 'x',
      MessageAttributes: { a: { DataType: 'String', StringValue: 'b' } },
    }),
  )
  // md5 of 00000001 'a' 00000006 'String' 01 00000001 'b'.
  const { createHash } = await import('node:crypto')
  const bytes = Buffer.from('000000016100000006537472696e67010000000162', 'hex')
  assert.equal(md5, createHash('md5').update(bytes).digest('hex'))
})

test('a batch tells entry by entry what was taken', async (t) => {
  const { client, url, queue } = await serve(t, 'orders.fifo')
  const answer = await client.send(
    new SendMessageBatchCommand({
      QueueUrl: url,
      Entries: [
        { Id: 'a', MessageBody: 'one', MessageGroupId: 'g' },
        { Id: 'b', MessageBody: 'two' },
        { Id: 'c', MessageBody: 'three', MessageGroupId: 'g', DelaySeconds: 5 },
      ],
    }),
  )
  assert.deepEqual(
    [answer.Successful?.map(({ Id }) => Id), answer.Failed?.map(({ Id, Code }) => [Id, Code])],
    [
      ['a'],
      [
        ['b', 'InvalidParameterValue'],
        ['c', 'InvalidParameterValue'],
      ],
    ],
  )
  const { Messages: messages = [] } = await client.send(
    new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: 10 }),
  )
  const Entries = messages.map(({ ReceiptHandle }, at) => ({ Id: String(at), ReceiptHandle }))
  await client.send(new DeleteMessageBatchCommand({ QueueUrl: url, Entries }))
  assert.deepEqual(queue.ids, [])
})

test('faults come under SQS’s own names', async (t) => {
  const { client, url } = await serve(t, 'orders')
  const send = (Entries: { Id: string; MessageBody: string }[]) =>
    client.send(new SendMessageBatchCommand({ QueueUrl: url, Entries }))
  const entries = (...ids: string[]) => ids.map((Id) => ({ Id, MessageBody: 'x' }))
  await assert.rejects(client.send(new GetQueueUrlCommand({ QueueName: 'nobody' })), {
    name: 'QueueDoesNotExist',
  })
  await assert.rejects(send([]), { name: 'EmptyBatchRequest' })
  await assert.rejects(send(entries('a', 'a')), { name: 'BatchEntryIdsNotDistinct' })
  await assert.rejects(send(entries(...'abcdefghijk')), { name: 'TooManyEntriesInBatchRequest' })
  const change = { QueueUrl: url, ReceiptHandle: 'none', VisibilityTimeout: 1 }
  await assert.rejects(client.send(new ChangeMessageVisibilityCommand(change)), {
    name: 'MessageNotInflight',
  })
  const eleven = new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: 11 })
  await assert.rejects(client.send(eleven), { message: /1 to 10, not 11/ })
})

test('a purge empties the queue, and the list of queues holds the dead-letter queue', async (t) => {
  const { client, url, queue, endpoint } = await serve(t, 'orders')
  await client.send(new SendMessageCommand({ QueueUrl: url, MessageBody: 'x' }))
  await client.send(new PurgeQueueCommand({ QueueUrl: url }))
  assert.deepEqual(queue.ids, [])
  const { QueueUrls: urls } = await client.send(new ListQueuesCommand({}))
  assert.deepEqual(urls, [`${endpoint}/123456789012/orders`, `${endpoint}/123456789012/orders-dead`])
})

test('a long poll over the endpoint ends with the first message', async (t) => {
  const { client, url } = await serve(t, 'orders')
  const polled = client.send(new ReceiveMessageCommand({ QueueUrl: url, WaitTimeSeconds: 20 }))
  await client.send(new SendMessageCommand({ QueueUrl: url, MessageBody: 'x' }))
  assert.equal((await polled).Messages?.[0]?.Body, 'x')
})

test('a program’s own message comes to the function of rr dev', async (t) => {
  const running = await startRr(t, ['dev', '--sqs', 'orders.fifo', '-o', 'logs.encoding=json'], {
    config: lambdaConfig(workerText('by-body')),
  })
  const { invoke } = await started(running)
  const url = `${new URL(String(invoke)).origin}/123456789012/orders.fifo`
  const queue = await openQueueOf(t, url)
  await queue.send({ body: 'fine', group: 'g' })
  const batch = await running.line(({ message }) => message === 'a batch of the queue is over')
  assert.deepEqual([batch.delivered, batch.deleted, batch.failed], [1, 1, 0])
})
