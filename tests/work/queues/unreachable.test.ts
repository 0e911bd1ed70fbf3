import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../../src/core/clock.js'
import { newJob, sourceOf } from '../../helpers/queue-source.js'
import { openQueueOf, startSqsServer } from '../../helpers/sqs-server.js'

test('an extension that SQS could not be asked for rejects, and does not say that the delivery is lost', async (t) => {
  const server = await startSqsServer(t)
  const { url } = server.createQueue('orders', { visibilitySeconds: 60 })
  const source = sourceOf(await openQueueOf(t, url, server.env), systemClock)
  await source.push?.([newJob()])
  const deliveries = await source.pull(1, new AbortController().signal)
  assert.equal(deliveries.length, 1)
  await server.stop()
  await assert.rejects(source.extend(deliveries, 60_000))
})
