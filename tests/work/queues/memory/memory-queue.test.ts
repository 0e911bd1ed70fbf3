import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryQueue, type MemoryQueueOptions } from '../../../../src/work/queues/memory/memory-queue.js'
import type { NewMessage, ReceivedMessage } from '../../../../src/work/queues/message-queue.js'
import { bodyText } from '../../../../src/work/queues/text.js'
import { ManualClock } from '../../../ipc/manual-clock.js'

const visibilityMs = 30_000
const never = new AbortController().signal

function makeQueue(name: string, options: Partial<MemoryQueueOptions> = {}) {
  const clock = new ManualClock()
  let ids = 0
  const common = { clock, newId: () => `m${++ids}`, visibilityMs }
  const dead = new MemoryQueue({ ...common, name: name.endsWith('.fifo') ? 'dead.fifo' : 'dead' })
  const queue = new MemoryQueue({ ...common, name, deadLetter: dead, ...options })
  return { clock, queue, dead }
}

async function send(queue: MemoryQueue, ...all: (string | NewMessage)[]): Promise<void> {
  for (const one of all) await queue.send(typeof one === 'string' ? { body: one } : one)
}

/** Messages of a FIFO queue by `GROUP:BODY`. */
function grouped(...words: readonly string[]): NewMessage[] {
  return words.map((word) => ({ body: word, group: word[0] ?? '' }))
}

function take(queue: MemoryQueue, max = 10): Promise<readonly ReceivedMessage[]> {
  return queue.receive({ max, waitMs: 0, signal: never })
}

async function bodies(queue: MemoryQueue, max = 10): Promise<readonly string[]> {
  return (await take(queue, max)).map(({ body }) => bodyText(body))
}

function handles(messages: readonly ReceivedMessage[]): readonly string[] {
  return messages.map(({ receiptHandle }) => receiptHandle)
}

test('a delivered message is hidden for the visibility timeout and then comes again, counted', async () => {
  const { clock, queue } = makeQueue('work')
  await send(queue, 'a')
  const [first] = await take(queue)
  assert.equal(first?.attributes.ApproximateReceiveCount, '1')
  clock.advance(visibilityMs - 1)
  assert.deepEqual(await take(queue), [])
  clock.advance(1)
  const [second] = await take(queue)
  assert.equal(second?.attributes.ApproximateReceiveCount, '2')
  assert.equal(second?.attributes.ApproximateFirstReceiveTimestamp, '0')
  assert.equal(second?.messageId, first?.messageId)
  assert.notEqual(second?.receiptHandle, first?.receiptHandle)
})

test('a receipt goes stale with the next delivery: it deletes nothing and changes nothing', async () => {
  const { clock, queue } = makeQueue('work')
  await send(queue, 'a')
  const [first] = await take(queue)
  clock.advance(visibilityMs)
  const [second] = await take(queue)
  await queue.delete([first?.receiptHandle ?? ''])
  await queue.changeVisibility([{ receiptHandle: first?.receiptHandle ?? '', afterMs: 0 }])
  assert.deepEqual(await take(queue), [])
  assert.deepEqual(await queue.counts(), { visible: 0, inFlight: 1, delayed: 0 })
  await queue.delete([second?.receiptHandle ?? ''])
  assert.deepEqual(queue.ids, [])
})

test('after the visibility timeout a standard queue still takes the last receipt, a FIFO queue does not', async () => {
  for (const name of ['work', 'work.fifo']) {
    const { clock, queue } = makeQueue(name)
    await send(queue, name === 'work' ? 'a' : { body: 'a', group: 'g' })
    const received = await take(queue)
    clock.advance(visibilityMs)
    await queue.delete(handles(received))
    assert.equal(queue.ids.length, name === 'work' ? 0 : 1, name)
  }
})

test('a message that is not in flight cannot be hidden with an old receipt', async () => {
  const { clock, queue } = makeQueue('work')
  await send(queue, 'a')
  const [first] = await take(queue)
  clock.advance(visibilityMs)
  await queue.changeVisibility([{ receiptHandle: first?.receiptHandle ?? '', afterMs: 60_000 }])
  assert.deepEqual(await bodies(queue), ['a'])
})

test('a visibility of zero brings a message back at once, a longer one later', async () => {
  const { clock, queue } = makeQueue('work')
  await send(queue, 'a', 'b')
  const [a, b] = await take(queue)
  await queue.changeVisibility([{ receiptHandle: a?.receiptHandle ?? '', afterMs: 0 }])
  await queue.changeVisibility([{ receiptHandle: b?.receiptHandle ?? '', afterMs: 100_000 }])
  assert.deepEqual(await bodies(queue), ['a'])
  clock.advance(99_999)
  assert.deepEqual(await bodies(queue), ['a'])
  clock.advance(1)
  assert.deepEqual(await bodies(queue), ['b'])
})

test('a message that was delivered as often as allowed goes to the dead-letter queue', async () => {
  const dead: [string, number][] = []
  const made = makeQueue('work', { receiveMax: 2, onDead: (id, count) => dead.push([id, count]) })
  const { clock, queue } = made
  await send(queue, 'a', 'b')
  for (const _ of [1, 2]) {
    const [a, b] = await take(queue)
    assert.equal(a?.body, 'a')
    if (b !== undefined) await queue.delete([b.receiptHandle])
    clock.advance(visibilityMs)
  }
  assert.deepEqual(dead, [])
  assert.deepEqual(await take(queue), [])
  assert.deepEqual(dead, [['m1', 2]])
  assert.deepEqual(queue.ids, [])
  const [moved] = await take(made.dead)
  assert.deepEqual(
    [moved?.messageId, moved?.attributes.DeadLetterQueueSourceArn],
    ['m1', 'arn:aws:sqs:us-east-1:123456789012:work'],
  )
})

test('without a limit of deliveries a message stays for ever', async () => {
  const { clock, queue, dead } = makeQueue('work')
  await send(queue, 'a')
  for (let at = 0; at < 50; at += 1) {
    assert.deepEqual(await bodies(queue), ['a'])
    clock.advance(visibilityMs)
  }
  assert.deepEqual(dead.ids, [])
})

test('a redrive opens the group: what follows the dead message is delivered by the same receive', async () => {
  const { clock, queue, dead } = makeQueue('work.fifo', { receiveMax: 1 })
  await send(queue, ...grouped('a1', 'a2'))
  assert.deepEqual(await bodies(queue, 1), ['a1'])
  clock.advance(visibilityMs)
  assert.deepEqual(await bodies(queue), ['a2'])
  assert.equal(dead.ids.length, 1)
})

test('a message of a locked group is not moved to the dead-letter queue before its turn', async () => {
  const { clock, queue, dead } = makeQueue('work.fifo', { receiveMax: 2 })
  await send(queue, ...grouped('a1', 'a2'))
  const [first] = await take(queue)
  clock.advance(visibilityMs)
  const [, again] = await take(queue)
  await queue.changeVisibility([{ receiptHandle: again?.receiptHandle ?? '', afterMs: 0 }])
  assert.ok(first !== undefined)
  assert.deepEqual(await take(queue), [])
  assert.deepEqual(dead.ids, [])
})

test('one receive takes messages of a group in order, and locks the group while one is in flight', async () => {
  const { clock, queue } = makeQueue('work.fifo')
  await send(queue, ...grouped('a1', 'b1', 'a2', 'a3', 'b2'))
  const first = await take(queue, 3)
  assert.deepEqual(
    first.map(({ body }) => body),
    ['a1', 'b1', 'a2'],
  )
  assert.deepEqual(await take(queue), [])
  await queue.delete([first[1]?.receiptHandle ?? ''])
  assert.deepEqual(await bodies(queue), ['b2'])
  await queue.delete([first[0]?.receiptHandle ?? ''])
  assert.deepEqual(await take(queue), [])
  clock.advance(visibilityMs)
  assert.deepEqual(await bodies(queue), ['a2', 'a3', 'b2'])
})

test('sequence numbers rise with the order of sending', async () => {
  const { queue } = makeQueue('work.fifo')
  await send(queue, ...grouped('a1', 'a2', 'b1'))
  const numbers = (await take(queue)).map(({ attributes }) => BigInt(attributes.SequenceNumber ?? 0))
  assert.deepEqual(
    numbers,
    [...numbers].sort((a, b) => (a < b ? -1 : 1)),
  )
})

test('a FIFO queue swallows what it saw within five minutes, deleted or not, and answers with the first id', async () => {
  const { clock, queue } = makeQueue('work.fifo')
  const id = await queue.send({ body: 'a', group: 'g' })
  await queue.delete(handles(await take(queue)))
  clock.advance(5 * 60_000 - 1)
  assert.equal(await queue.send({ body: 'a', group: 'other' }), id)
  assert.notEqual(await queue.send({ body: 'a', group: 'g', deduplicationId: 'mine' }), id)
  assert.equal(queue.ids.length, 1)
  clock.advance(1)
  assert.notEqual(await queue.send({ body: 'a', group: 'g' }), id)
  assert.equal(queue.ids.length, 2)
})

test('a standard queue takes the same body twice', async () => {
  const { queue } = makeQueue('work')
  await send(queue, 'a', 'a')
  assert.deepEqual(await bodies(queue), ['a', 'a'])
})

test('a delayed message is counted as delayed and seen when its time has come', async () => {
  const { clock, queue } = makeQueue('work')
  await send(queue, { body: 'a', delayMs: 5000 })
  assert.deepEqual(await queue.counts(), { visible: 0, inFlight: 0, delayed: 1 })
  clock.advance(4999)
  assert.deepEqual(await take(queue), [])
  clock.advance(1)
  assert.deepEqual(await bodies(queue), ['a'])
})

test('no more messages are handed out than may be in flight', async () => {
  for (const name of ['work', 'work.fifo']) {
    const { queue } = makeQueue(name, { inFlightMax: 3 })
    const isFifo = name.endsWith('.fifo')
    for (const body of ['1', '2', '3', '4', '5']) await queue.send(isFifo ? { body, group: body } : { body })
    const first = await take(queue, 2)
    assert.equal(first.length, 2, name)
    assert.equal((await take(queue)).length, 1, name)
    assert.equal((await take(queue)).length, 0, name)
    await queue.delete(handles(first))
    assert.equal((await take(queue)).length, 2, name)
  }
})

test('the order of a standard queue is anybody’s guess, with groups too, and a group locks nothing there', async () => {
  const seen = new Set<string>()
  for (let at = 0; at < 64; at += 1) {
    const chances = [(at % 4) / 4, ((at >> 2) % 4) / 4, ((at >> 4) % 4) / 4]
    const { queue } = makeQueue('fair', { random: () => chances.shift() ?? 0 })
    await send(queue, ...grouped('a1', 'a2', 'a3'))
    const first = await bodies(queue, 1)
    const rest = await bodies(queue)
    assert.equal(rest.length, 2)
    seen.add([...first, ...rest].join())
  }
  assert.equal(seen.size, 6)
})

test('a standard queue tells the group of a fair queue and no sequence number', async () => {
  const { queue } = makeQueue('fair')
  await send(queue, { body: 'a', group: 'tenant' })
  const [{ attributes } = { attributes: {} as Record<string, string> }] = await take(queue)
  assert.equal(attributes.MessageGroupId, 'tenant')
  assert.equal(attributes.SequenceNumber, undefined)
})

test('a message for which there is a problem is refused with it and not kept', async () => {
  const { queue } = makeQueue('work', { problemOf: ({ body }) => (body === '' ? 'it is empty' : undefined) })
  await assert.rejects(send(queue, 'a', ''), { code: 'RR_QUEUE_REFUSED', message: 'work: it is empty' })
  assert.equal(queue.ids.length, 1)
})

test('a long poll ends with a message, when one becomes visible, when its time is up, or aborted', async () => {
  const { clock, queue } = makeQueue('work')
  const poll = (signal = never) => queue.receive({ max: 10, waitMs: 20_000, signal })
  const sent = poll()
  await send(queue, 'a')
  assert.equal((await sent).length, 1)
  const due = poll()
  clock.advance(visibilityMs)
  assert.equal((await due).length, 1)
  const over = poll()
  clock.advance(20_000)
  assert.equal((await over).length, 0)
  const gone = new AbortController()
  const aborted = poll(gone.signal)
  gone.abort()
  assert.equal((await aborted).length, 0)
  assert.equal(clock.timerCount, 0)
})

test('a long poll on a FIFO queue ends when the message before is deleted', async () => {
  const { queue } = makeQueue('work.fifo')
  await send(queue, ...grouped('a1', 'a2'))
  const first = await take(queue, 1)
  const waiting = queue.receive({ max: 10, waitMs: 20_000, signal: never })
  await queue.delete(handles(first))
  assert.deepEqual(
    (await waiting).map(({ body }) => body),
    ['a2'],
  )
})

test('a purge drops everything, in flight or not', async () => {
  const { queue } = makeQueue('work')
  await send(queue, 'a', { body: 'b', delayMs: 1000 })
  const taken = await take(queue)
  queue.purge()
  await queue.delete(handles(taken))
  assert.deepEqual(await queue.counts(), { visible: 0, inFlight: 0, delayed: 0 })
})
