/** The same scenarios over a queue in memory, over another's SQS server, and over ours: all must say the same. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { systemClock as clock } from '../../../src/core/clock.js'
import { silentLogger } from '../../../src/logging/logger.js'
import { EmulatorServer } from '../../../src/plugins/emulator/http/server.js'
import { sqsRoute } from '../../../src/plugins/emulator/mapping/sqs-endpoint.js'
import { problemOfMessage } from '../../../src/plugins/emulator/mapping/sqs-limits.js'
import { MemoryQueue } from '../../../src/work/queues/memory/memory-queue.js'
import { type QueuePair, type QueueShape, queueScenarios } from '../../conformance/queue.js'
import { sourceScenarios } from '../../conformance/source.js'
import { sourceOf } from '../../helpers/queue-source.js'
import { openQueueOf, startSqsServer } from '../../helpers/sqs-server.js'

type Open = (t: TestContext, shape: QueueShape) => QueuePair | Promise<QueuePair>

function memoryPair({ queue: name, visibilitySeconds = 60, receiveMax }: QueueShape) {
  const visibilityMs = visibilitySeconds * 1000
  const common = { clock, newId: randomUUID, visibilityMs, problemOf: problemOfMessage }
  const dead = new MemoryQueue({ ...common, name: name.replace(/(\.fifo)?$/, '-dead$1') })
  const limit = receiveMax === undefined ? {} : { receiveMax, deadLetter: dead }
  return { queue: new MemoryQueue({ ...common, name, ...limit }), dead }
}

async function overSqs(t: TestContext, shape: QueueShape): Promise<QueuePair> {
  const server = await startSqsServer(t)
  const { queue: name, visibilitySeconds = 60, receiveMax } = shape
  const limit = receiveMax === undefined ? {} : { receiveMax }
  const { url, deadUrl } = server.createQueue(name, { visibilitySeconds, ...limit })
  return {
    queue: await openQueueOf(t, url, server.env),
    dead: await openQueueOf(t, deadUrl, server.env),
  }
}

async function overEmulator(t: TestContext, shape: QueueShape): Promise<QueuePair> {
  const { queue, dead } = memoryPair(shape)
  const log = silentLogger
  const route = sqsRoute({ queues: [queue, dead], address: () => server.address, log })
  const server = new EmulatorServer({ address: '127.0.0.1:0', timeoutMs: 30_000, clock, log, route })
  await server.listen()
  t.after(() => server.close())
  const urlOf = (name: string) => `http://${server.address}/123456789012/${name}`
  return { queue: await openQueueOf(t, urlOf(queue.name)), dead: await openQueueOf(t, urlOf(dead.name)) }
}

const places: readonly (readonly [string, Open])[] = [
  ['in memory', (_, shape) => memoryPair(shape)],
  ['over SQS', overSqs],
  ['over the emulator', overEmulator],
]

for (const [where, open] of places) {
  for (const scenario of queueScenarios) {
    test(`${where}: ${scenario.name}`, async (t) => {
      assert.deepEqual(await scenario.play(await open(t, scenario)), scenario.comesTo)
    })
  }
  for (const scenario of sourceScenarios) {
    test(`${where}: ${scenario.name}`, async (t) => {
      const { queue, dead } = await open(t, scenario)
      const pair = { source: sourceOf(queue, clock), dead: sourceOf(dead, clock) }
      assert.deepEqual(await scenario.play(pair), scenario.comesTo)
    })
  }
}
