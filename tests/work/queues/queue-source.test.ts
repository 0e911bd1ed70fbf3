import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryQueue } from '../../../src/work/queues/memory/memory-queue.js'
import type { QueueProperties } from '../../../src/work/queues/message-queue.js'
import { MemoryLog } from '../../../testing/memory-log.js'
import { sourceOf } from '../../helpers/queue-source.js'
import { ManualClock } from '../../ipc/manual-clock.js'

const never = new AbortController().signal
const ways: readonly [title: string, properties: () => Promise<QueueProperties>, error: string][] = [
  ['cannot be read', () => Promise.reject(new Error('AccessDenied')), 'AccessDenied'],
  [
    'does not name its time',
    async () => ({ visibilityMs: Number.NaN, hasDeadLetters: false }),
    'the queue does not name it',
  ],
]

for (const [title, properties, error] of ways)
  test(`messages of a queue that ${title} are hidden for 30 s and expire, which is told once`, async () => {
    const clock = new ManualClock()
    let ids = 0
    const memory = new MemoryQueue({ name: 'mail', clock, newId: () => `m${++ids}`, visibilityMs: 90_000 })
    const queue = Object.assign(memory, { properties })
    const log = new MemoryLog(clock)
    const source = sourceOf(queue, clock, log)
    await queue.send({ body: 'a' })
    const first = await source.pull(1, never, 0)
    clock.advance(30_000)
    const again = await source.pull(1, never, 0)
    assert.deepEqual(
      [first, again].map(([one]) => [one?.id, one?.expiresAtMs]),
      [
        ['m1', 30_000],
        ['m1', 60_000],
      ],
    )
    assert.deepEqual(
      log.lines.map(({ level, fields }) => [level, fields]),
      [['warn', { queue: queue.arn, visibilityMs: 30_000, error }]],
    )
  })

test('messages of a queue that says its time are hidden for that, without a word', async () => {
  const clock = new ManualClock()
  const queue = new MemoryQueue({ name: 'mail', clock, newId: () => 'm1', visibilityMs: 90_000 })
  const log = new MemoryLog(clock)
  const source = sourceOf(queue, clock, log)
  await queue.send({ body: 'a' })
  const [first] = await source.pull(1, never, 0)
  assert.deepEqual([first?.expiresAtMs, log.lines], [90_000, []])
})
