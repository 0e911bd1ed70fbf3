import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { silentLogger } from '../../../../src/logging/logger.js'
import {
  type BatchFacts,
  EventSourceMapping,
  type EventSourceMappingOptions,
} from '../../../../src/plugins/emulator/mapping/event-source-mapping.js'
import type { Invoked } from '../../../../src/plugins/emulator/mapping/read-batch-answer.js'
import { MemoryQueue } from '../../../../src/work/queues/memory/memory-queue.js'
import type { MessageQueue, NewMessage } from '../../../../src/work/queues/message-queue.js'
import { recordingLogger } from '../../../helpers/pool.js'
import { sourceOf } from '../../../helpers/queue-source.js'
import { VirtualTime } from '../../../schedules/virtual-time.js'

const visibilityMs = 60_000
const hourMs = 3_600_000

interface SqsRecord {
  readonly messageId: string
  readonly body: string
  readonly attributes: Readonly<Record<string, string>>
  readonly [key: string]: unknown
}

interface Call {
  readonly atMs: number
  readonly bytes: number
  readonly records: readonly SqsRecord[]
  readonly bodies: readonly string[]
}

/** Function under test: returns the bodies of a batch that fail, or an answer as it is. */
type Handler = (call: Call) => readonly string[] | Invoked | Promise<readonly string[] | Invoked>

class Rig {
  readonly time = new VirtualTime()
  readonly queue: MemoryQueue
  readonly dead: MemoryQueue
  readonly calls: Call[] = []
  readonly batches: BatchFacts[] = []
  readonly #startedAt = this.time.nowMs()
  #ids = 0

  constructor(name: string, receiveMax?: number) {
    const common = { clock: this.time, newId: () => `m${++this.#ids}`, visibilityMs }
    this.dead = new MemoryQueue({ ...common, name: name.endsWith('.fifo') ? 'dead.fifo' : 'dead' })
    const limit = receiveMax === undefined ? {} : { receiveMax }
    this.queue = new MemoryQueue({ ...common, name, deadLetter: this.dead, ...limit })
  }

  get nowMs(): number {
    return this.time.nowMs() - this.#startedAt
  }

  async send(...all: (string | NewMessage)[]): Promise<void> {
    for (const one of all) await this.queue.send(typeof one === 'string' ? { body: one } : one)
  }

  map(
    t: TestContext,
    handler: Handler,
    options: Partial<EventSourceMappingOptions> = {},
  ): EventSourceMapping {
    const mapping = new EventSourceMapping({
      source: sourceOf(this.queue, this.time),
      queue: this.queue.arn,
      batchSize: 10,
      windowMs: 0,
      concurrency: 1,
      reportsFailures: true,
      clock: this.time,
      log: silentLogger,
      onBatch: (batch) => this.batches.push(batch),
      invoke: async (event) => {
        const { records, bodies } = parse(event)
        const call = { atMs: this.nowMs, bytes: event.length, records, bodies }
        this.calls.push(call)
        const answer = await handler(call)
        return 'kind' in answer ? answer : naming(records, answer)
      },
      ...options,
    })
    t.after(() => mapping.stop())
    return mapping
  }

  /** Until the queue is empty. */
  drained(): Promise<void> {
    return this.time.run(() => this.queue.ids.length === 0, hourMs)
  }

  until(isOver: () => boolean): Promise<void> {
    return this.time.run(isOver, hourMs)
  }

  bodiesOfCalls(): readonly (readonly string[])[] {
    return this.calls.map(({ bodies }) => bodies)
  }
}

function parse(event: Buffer): Pick<Call, 'records' | 'bodies'> {
  const { Records: records }: { Records: SqsRecord[] } = JSON.parse(event.toString('utf8'))
  return { records, bodies: records.map(({ body }) => body) }
}

function naming(records: readonly SqsRecord[], failed: readonly string[]): Invoked {
  const batchItemFailures = records
    .filter(({ body }) => failed.includes(body))
    .map(({ messageId }) => ({ itemIdentifier: messageId }))
  return { kind: 'result', body: Buffer.from(JSON.stringify({ batchItemFailures })) }
}

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, at) => `b${at}`)
}

function grouped(...words: readonly string[]): NewMessage[] {
  return words.map((word) => ({ body: word, group: word[0] ?? '' }))
}

const fine: Handler = () => []

test('a batch holds as many messages as are there, up to its size, over 10 too', async (t) => {
  const rig = new Rig('work')
  await rig.send(...numbered(60))
  rig.map(t, fine, { batchSize: 25, windowMs: 1000 })
  await rig.drained()
  assert.deepEqual(
    rig.calls.map(({ bodies }) => bodies.length),
    [25, 25, 10],
  )
  assert.deepEqual(rig.bodiesOfCalls().flat().sort(), numbered(60).sort())
})

test('a window is waited out for a batch to become full, and not longer', async (t) => {
  const rig = new Rig('work')
  rig.map(t, fine, { batchSize: 3, windowMs: 5000 })
  await rig.send('a', { body: 'b', delayMs: 3000 }, { body: 'c', delayMs: 9000 })
  await rig.drained()
  assert.deepEqual(rig.bodiesOfCalls(), [['a', 'b'], ['c']])
  assert.deepEqual(
    rig.calls.map(({ atMs }) => atMs),
    [5000, 14_000],
  )
})

test('a full batch goes at once, whatever the window', async (t) => {
  const rig = new Rig('work')
  rig.map(t, fine, { batchSize: 2, windowMs: 300_000 })
  await rig.send('a', { body: 'b', delayMs: 2000 })
  await rig.drained()
  assert.deepEqual(
    rig.calls.map(({ atMs, bodies }) => [atMs, bodies.length]),
    [[2000, 2]],
  )
})

test('a window that is longer than a long poll stays open', async (t) => {
  const rig = new Rig('work')
  rig.map(t, fine, { batchSize: 10, windowMs: 50_000 })
  await rig.send('a', { body: 'b', delayMs: 45_000 })
  await rig.drained()
  assert.deepEqual(rig.bodiesOfCalls(), [['a', 'b']])
})

test('a batch is cut at 6 MB, by the bytes of the event and not of the bodies', async (t) => {
  for (const [letter, expected] of [
    ['x', [5, 5, 2]],
    ['"', [2, 2, 2, 2, 2, 2]],
  ] as const) {
    const rig = new Rig('work')
    await rig.send(...numbered(12).map((body) => body + letter.repeat(1024 * 1024 - 8)))
    rig.map(t, fine, { batchSize: 100, windowMs: 1000 })
    await rig.drained()
    const sizes = rig.calls.map(({ bodies }) => bodies.length)
    assert.deepEqual([...sizes].sort(), [...expected].sort(), letter)
    for (const { bytes } of rig.calls) assert.ok(bytes <= 6 * 1024 * 1024)
    // Nothing came twice: what was cut off was delivered next.
    assert.deepEqual(
      rig.calls.flatMap(({ records }) => records.map(({ attributes }) => attributes.ApproximateReceiveCount)),
      Array.from({ length: 12 }, () => '1'),
    )
  }
})

test('a FIFO batch that was cut goes on in order although a message before the cut failed', async (t) => {
  const rig = new Rig('work.fifo')
  const bodies = numbered(8)
  await rig.send(...bodies.map((body) => ({ body: body + 'x'.repeat(1024 * 1024 - 8), group: 'g' })))
  let tries = 0
  const done: string[] = []
  rig.map(t, ({ bodies: all }) => {
    const names = all.map((body) => body.slice(0, 2))
    // The third fails twice, and all that follow it with it.
    const at = names.indexOf('b2')
    const good = at >= 0 && tries++ < 2 ? at : names.length
    done.push(...names.slice(0, good))
    return all.slice(good)
  })
  await rig.drained()
  assert.deepEqual(done, bodies)
})

test('what a batch reports as failed comes again after its visibility, the rest is deleted', async (t) => {
  const rig = new Rig('work')
  await rig.send('a', 'b', 'c')
  rig.map(t, ({ atMs }) => (atMs === 0 ? ['b'] : []))
  await rig.drained()
  assert.deepEqual(rig.bodiesOfCalls(), [['a', 'b', 'c'], ['b']])
  assert.equal(rig.calls[1]?.atMs, visibilityMs)
  assert.deepEqual(rig.batches[0], {
    delivered: ['m1', 'm2', 'm3'],
    deleted: ['m1', 'm3'],
    failed: ['m2'],
    problem: undefined,
  })
})

test('a mapping without ReportBatchItemFailures deletes what the answer names as failed, and says so', async (t) => {
  const rig = new Rig('work')
  await rig.send('a', 'b', 'c')
  const log = recordingLogger()
  rig.map(t, () => ['a', 'b'], { reportsFailures: false, log })
  await rig.until(() => log.lines.length > 0)
  assert.equal(rig.calls.length, 1)
  assert.deepEqual(rig.queue.ids, [])
  const [line] = log.lines
  assert.equal(line?.level, 'warn')
  assert.match(String(line?.message), /named as failed were deleted/)
  assert.deepEqual(line?.fields, { delivered: 3, deleted: 3, failed: 0, ignored: 2 })
})

test('an answer that is not understood, and a function error, bring the whole batch again', async (t) => {
  const text = (body: string) => ({ kind: 'result', body: Buffer.from(body) }) as const
  for (const answer of [
    text('done'),
    text('{"batchItemFailures":[{"itemIdentifier":"m9"}]}'),
    text('{"batchItemFailures":[{"itemIdentifier":null}]}'),
    { kind: 'error', body: Buffer.from('{}') } as const,
  ]) {
    const rig = new Rig('work')
    await rig.send('a', 'b')
    rig.map(t, ({ atMs }) => (atMs === 0 ? answer : []))
    await rig.drained()
    assert.deepEqual(rig.bodiesOfCalls(), [
      ['a', 'b'],
      ['a', 'b'],
    ])
    assert.deepEqual(rig.batches[0]?.deleted, [])
    assert.ok(rig.batches[0]?.problem !== undefined)
  }
})

test('what fails too often goes to the dead-letter queue, the others of its batch do not', async (t) => {
  const rig = new Rig('work', 3)
  await rig.send('good', 'bad')
  rig.map(t, () => ['bad'])
  await rig.drained()
  assert.deepEqual(rig.bodiesOfCalls(), [['good', 'bad'], ['bad'], ['bad']])
  assert.deepEqual(rig.dead.ids, ['m2'])
})

test('as many batches run at once as the concurrency says', async (t) => {
  for (const concurrency of [1, 3]) {
    const rig = new Rig('work')
    await rig.send(...numbered(8))
    let [running, most] = [0, 0]
    const slow: Handler = async () => {
      most = Math.max(most, ++running)
      await new Promise<void>((resolve) => rig.time.timer(1000, resolve))
      running -= 1
      return []
    }
    rig.map(t, slow, { batchSize: 1, concurrency })
    await rig.drained()
    assert.equal(most, concurrency)
  }
})

test('groups of a FIFO queue run side by side, one group never', async (t) => {
  const rig = new Rig('work.fifo')
  await rig.send(...grouped('a1', 'b1', 'a2', 'c1', 'b2', 'a3'))
  const running = new Set<string>()
  let most = 0
  rig.map(
    t,
    async ({ bodies: [body = ''] }) => {
      const group = body[0] ?? ''
      assert.ok(!running.has(group), `${body} while ${group} is running`)
      running.add(group)
      most = Math.max(most, running.size)
      await new Promise<void>((resolve) => rig.time.timer(1000, resolve))
      running.delete(group)
      return []
    },
    { batchSize: 1, concurrency: 5 },
  )
  await rig.drained()
  assert.equal(most, 3)
  const ofA = rig
    .bodiesOfCalls()
    .flat()
    .filter((body) => body.startsWith('a'))
  assert.deepEqual(ofA, ['a1', 'a2', 'a3'])
})

test('the event has AWS’s shape', async (t) => {
  const rig = new Rig('work.fifo')
  await rig.send({
    body: '{"n":1}',
    group: 'g',
    deduplicationId: 'd',
    messageAttributes: { trace: { dataType: 'String', stringValue: 'x' } },
  })
  rig.map(t, fine)
  await rig.drained()
  const now = String(rig.time.nowMs())
  assert.deepEqual(rig.calls[0]?.records, [
    {
      messageId: 'm1',
      receiptHandle: 'work.fifo-receipt-1',
      body: '{"n":1}',
      attributes: {
        ApproximateReceiveCount: '1',
        SentTimestamp: now,
        SenderId: 'AIDAEMULATED',
        ApproximateFirstReceiveTimestamp: now,
        MessageGroupId: 'g',
        SequenceNumber: '18849496460467696000',
        MessageDeduplicationId: 'd',
      },
      messageAttributes: {
        trace: { stringValue: 'x', stringListValues: [], binaryListValues: [], dataType: 'String' },
      },
      md5OfBody: '082c26c8a6bc75226a31da5495cc9292',
      eventSource: 'aws:sqs',
      eventSourceARN: 'arn:aws:sqs:us-east-1:123456789012:work.fifo',
      awsRegion: 'us-east-1',
    },
  ])
})

test('a batch that is being collected at the stop goes back to the queue, and one at work is waited for', async (t) => {
  const rig = new Rig('work')
  await rig.send('a')
  const mapping = rig.map(t, fine, { batchSize: 5, windowMs: 300_000 })
  await rig.until(() => rig.queue.isInFlight('work-receipt-1'))
  await mapping.stop()
  assert.deepEqual(rig.calls, [])
  assert.deepEqual(await rig.queue.counts(), { visible: 1, inFlight: 0, delayed: 0 })

  let finish: () => void = () => undefined
  const answer = new Promise<readonly string[]>((resolve) => {
    finish = () => resolve([])
  })
  const slow = rig.map(t, () => answer)
  await rig.until(() => rig.calls.length === 1)
  const stopped = slow.stop()
  finish()
  await stopped
  assert.deepEqual(rig.queue.ids, [])
})

test('what nobody could run goes back to the queue in its order', async (t) => {
  const rig = new Rig('work.fifo')
  await rig.send(...grouped('a1', 'a2', 'b1'))
  let isGone = true
  rig.map(t, (): readonly string[] | Invoked => {
    const answer = isGone ? ({ kind: 'unrun' } as const) : []
    isGone = false
    return answer
  })
  await rig.drained()
  assert.equal(rig.calls[1]?.atMs, 0)
  assert.deepEqual(rig.bodiesOfCalls()[1], ['a1', 'a2', 'b1'])
})

/** A queue whose next calls of a method fail. */
function failing(queue: MessageQueue, method: 'receive' | 'delete', times: number): MessageQueue {
  let left = times
  const fault = () => {
    if (left-- > 0) throw new Error('connect ECONNREFUSED')
  }
  return {
    arn: queue.arn,
    isFifo: queue.isFifo,
    send: (message) => queue.send(message),
    receive: async (options) => {
      if (method === 'receive') fault()
      return queue.receive(options)
    },
    delete: async (receipts) => {
      if (method === 'delete') fault()
      return queue.delete(receipts)
    },
    changeVisibility: (changes) => queue.changeVisibility(changes),
    counts: () => queue.counts(),
    properties: () => queue.properties(),
    close: () => queue.close(),
  }
}

test('a queue that cannot be reached is asked again after a second', async (t) => {
  const rig = new Rig('work')
  await rig.send('a')
  rig.map(t, fine, { source: sourceOf(failing(rig.queue, 'receive', 3), rig.time) })
  await rig.drained()
  assert.deepEqual(
    rig.calls.map(({ atMs }) => atMs),
    [3000],
  )
})

test('messages that could not be deleted come again', async (t) => {
  const rig = new Rig('work')
  await rig.send('a')
  rig.map(t, fine, { source: sourceOf(failing(rig.queue, 'delete', 1), rig.time) })
  await rig.drained()
  assert.deepEqual(rig.bodiesOfCalls(), [['a'], ['a']])
})

test('a queue that goes away while a batch is filled costs nothing of the batch', async (t) => {
  const rig = new Rig('work')
  await rig.send('a')
  const inner = rig.queue
  let receives = 0
  const flaky: MessageQueue = {
    ...failing(inner, 'receive', 0),
    receive: async (options) => {
      receives += 1
      if (receives === 2) throw new Error('socket hang up')
      return inner.receive(options)
    },
  }
  rig.map(t, fine, { source: sourceOf(flaky, rig.time), batchSize: 5, windowMs: 1000 })
  await rig.drained()
  assert.deepEqual(
    rig.calls.map(({ atMs, bodies }) => [atMs, bodies]),
    [[0, ['a']]],
  )
})
