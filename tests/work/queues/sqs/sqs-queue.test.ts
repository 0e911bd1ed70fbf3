import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../../../src/core/clock.js'
import { type Logger, silentLogger } from '../../../../src/logging/logger.js'
import { EventSourceMapping } from '../../../../src/plugins/emulator/mapping/event-source-mapping.js'
import { sourceOf } from '../../../helpers/queue-source.js'
import { openQueueOf, startSqsServer } from '../../../helpers/sqs-server.js'
import { eventually } from '../../../helpers/wait.js'

/** A log that counts its warnings. */
function countingLog(warnings: string[]): Logger {
  return { ...silentLogger, warn: (_fields, message) => void warnings.push(message) }
}

interface Parsed {
  readonly Records: readonly {
    readonly messageId: string
    readonly body: string
    readonly eventSourceARN: string
  }[]
}

test('a mapping over a real queue deletes what succeeded and nothing else', async (t) => {
  const server = await startSqsServer(t)
  const { url } = server.createQueue('orders', { visibilitySeconds: 60 })
  const queue = await openQueueOf(t, url, server.env)
  for (const body of ['good', 'bad', 'good too']) await queue.send({ body })
  const seen: string[] = []
  let batches = 0
  const mapping = new EventSourceMapping({
    source: sourceOf(queue, systemClock),
    queue: queue.arn,
    batchSize: 10,
    windowMs: 0,
    concurrency: 1,
    reportsFailures: true,
    clock: systemClock,
    log: silentLogger,
    invoke: async (event) => {
      const { Records: records }: Parsed = JSON.parse(event.toString())
      seen.push(...records.map(({ body }) => body))
      assert.match(records[0]?.eventSourceARN ?? '', /^arn:aws:sqs:us-east-1:000000000000:orders$/)
      const batchItemFailures = records
        .filter(({ body }) => body === 'bad')
        .map(({ messageId }) => ({ itemIdentifier: messageId }))
      return { kind: 'result', body: Buffer.from(JSON.stringify({ batchItemFailures })) }
    },
    onBatch: ({ delivered }) => {
      batches += delivered.length
    },
  })
  t.after(() => mapping.stop())
  await eventually(() => batches === 3)
  assert.deepEqual([...seen].sort(), ['bad', 'good', 'good too'])
  assert.deepEqual(await queue.counts(), { visible: 0, inFlight: 1, delayed: 0 })
})

test('a stop ends a long poll at once', async (t) => {
  const server = await startSqsServer(t)
  const { url } = server.createQueue('orders', { visibilitySeconds: 60 })
  const queue = await openQueueOf(t, url, server.env)
  const stop = new AbortController()
  let isOver = false
  const polled = queue.receive({ max: 10, waitMs: 20_000, signal: stop.signal }).then((messages) => {
    isOver = true
    return messages
  })
  // The poll is at the server before it is ended: another call on the same client has gone there and back.
  await queue.counts()
  assert.equal(isOver, false)
  stop.abort()
  assert.deepEqual(await polled, [])
})

test('a server that goes away is warned about and asked until it is back', async (t) => {
  const first = await startSqsServer(t)
  const { url } = first.createQueue('orders', { visibilitySeconds: 60 })
  const queue = await openQueueOf(t, url, first.env)
  const warnings: string[] = []
  const done: string[] = []
  const mapping = new EventSourceMapping({
    source: sourceOf(queue, systemClock),
    queue: queue.arn,
    batchSize: 1,
    windowMs: 0,
    concurrency: 1,
    reportsFailures: true,
    clock: systemClock,
    log: countingLog(warnings),
    invoke: async (event) => {
      const { Records: records }: Parsed = JSON.parse(event.toString())
      done.push(...records.map(({ body }) => body))
      return { kind: 'result', body: Buffer.from('') }
    },
  })
  t.after(() => mapping.stop())
  await queue.send({ body: 'before' })
  await eventually(() => done.length === 1)
  await first.stop()
  await eventually(() => warnings.includes('the queue failed, trying again'))
  const port = Number(new URL(first.env.AWS_ENDPOINT_URL_SQS ?? '').port)
  const second = await startSqsServer(t, port)
  second.createQueue('orders', { visibilitySeconds: 60 })
  const sender = await openQueueOf(t, url, second.env)
  await sender.send({ body: 'after' })
  await eventually(() => done.length === 2)
  assert.deepEqual(done, ['before', 'after'])
})

test('a queue that is not there is refused with the server’s words', async (t) => {
  const server = await startSqsServer(t)
  const queue = await openQueueOf(t, 'http://127.0.0.1:1/000000000000/nobody', server.env)
  await assert.rejects(queue.send({ body: 'a' }), {
    code: 'RR_QUEUE_REFUSED',
    message: /queue does not exist/i,
  })
})
