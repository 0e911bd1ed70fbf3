/** Conformance of queues with visibility, in memory or over SQS’s protocol. */
import { hasCode } from '../../src/core/errors.js'
import type { MessageQueue, NewMessage, ReceivedMessage } from '../../src/work/queues/message-queue.js'
import { bodyText } from '../../src/work/queues/text.js'

/** A queue to make. */
export interface QueueShape {
  /** Ends in `.fifo` for a FIFO queue. */
  readonly queue: string
  readonly visibilitySeconds?: number
  readonly receiveMax?: number
}

/** A queue and the one that its dead letters go to. */
export interface QueuePair {
  readonly queue: MessageQueue
  readonly dead: MessageQueue
}

interface Scenario extends QueueShape {
  readonly name: string
  readonly play: (pair: QueuePair) => Promise<unknown>
  readonly comesTo: unknown
}

const never = new AbortController().signal

function take(queue: MessageQueue, max = 1, waitMs = 0): Promise<readonly ReceivedMessage[]> {
  return queue.receive({ max, waitMs, signal: never })
}

async function bodies(queue: MessageQueue, max = 1, waitMs = 0): Promise<readonly string[]> {
  return (await take(queue, max, waitMs)).map(({ body }) => bodyText(body))
}

async function send(queue: MessageQueue, ...words: readonly string[]): Promise<void> {
  for (const word of words) await queue.send({ body: word, group: word[0] ?? '' })
}

async function receipt(queue: MessageQueue): Promise<string> {
  return (await take(queue))[0]?.receiptHandle ?? ''
}

async function outcome(queue: MessageQueue, message: NewMessage): Promise<string> {
  try {
    await queue.send(message)
    return 'taken'
  } catch (error) {
    return hasCode(error, 'RR_QUEUE_REFUSED') ? 'refused' : String(error)
  }
}

const kibi = 1024

/** The scenarios: what is done, and what it comes to. */
export const queueScenarios: readonly Scenario[] = [
  {
    name: 'a message in flight is hidden, and comes again counted when its visibility ends',
    queue: 'work',
    play: async ({ queue }) => {
      await queue.send({ body: 'a' })
      const handle = await receipt(queue)
      const hidden = await bodies(queue)
      await queue.changeVisibility([{ receiptHandle: handle, afterMs: 0 }])
      const [again] = await take(queue)
      return [hidden, again?.body, again?.attributes.ApproximateReceiveCount]
    },
    comesTo: [[], 'a', '2'],
  },
  {
    name: 'a long poll gets what becomes visible by itself',
    queue: 'work',
    visibilitySeconds: 1,
    play: async ({ queue }) => {
      await queue.send({ body: 'a' })
      return [await bodies(queue), await bodies(queue), await bodies(queue, 1, 20_000)]
    },
    comesTo: [['a'], [], ['a']],
  },
  {
    name: 'a stale receipt deletes nothing, and neither of them does twice',
    queue: 'work',
    play: async ({ queue }) => {
      await queue.send({ body: 'a' })
      const first = await receipt(queue)
      await queue.changeVisibility([{ receiptHandle: first, afterMs: 0 }])
      const second = await receipt(queue)
      await queue.delete([first])
      await queue.changeVisibility([{ receiptHandle: first, afterMs: 0 }])
      const before = await queue.counts()
      await queue.delete([second])
      await queue.delete([second])
      return [before, await queue.counts()]
    },
    comesTo: [
      { visible: 0, inFlight: 1, delayed: 0 },
      { visible: 0, inFlight: 0, delayed: 0 },
    ],
  },
  {
    name: 'more than ten receipts are deleted at once',
    queue: 'work',
    play: async ({ queue }) => {
      for (let at = 0; at < 23; at += 1) await queue.send({ body: String(at) })
      const all = [...(await take(queue, 10)), ...(await take(queue, 10)), ...(await take(queue, 10))]
      const before = await queue.counts()
      await queue.delete(all.map(({ receiptHandle }) => receiptHandle))
      return [all.length, before.inFlight, await queue.counts()]
    },
    comesTo: [23, 23, { visible: 0, inFlight: 0, delayed: 0 }],
  },
  {
    name: 'what was delivered twice goes to the dead-letter queue',
    queue: 'work',
    receiveMax: 2,
    play: async ({ queue, dead }) => {
      await queue.send({ body: 'a' })
      for (const _ of [1, 2])
        await queue.changeVisibility([{ receiptHandle: await receipt(queue), afterMs: 0 }])
      const before = await dead.counts()
      return [before.visible, await bodies(queue), await bodies(dead)]
    },
    comesTo: [0, [], ['a']],
  },
  {
    name: 'a FIFO group is locked while one of its messages is in flight, others are not',
    queue: 'work.fifo',
    play: async ({ queue }) => {
      await send(queue, 'a1', 'a2', 'b1')
      const [a1] = await take(queue)
      const meanwhile = [await bodies(queue), await bodies(queue)]
      await queue.delete([a1?.receiptHandle ?? ''])
      return [a1?.body, meanwhile, await bodies(queue)]
    },
    comesTo: ['a1', [['b1'], []], ['a2']],
  },
  {
    name: 'a FIFO message that comes back goes before its group’s next ones',
    queue: 'work.fifo',
    play: async ({ queue }) => {
      await send(queue, 'a1', 'a2')
      await queue.changeVisibility([{ receiptHandle: await receipt(queue), afterMs: 0 }])
      return bodies(queue)
    },
    comesTo: ['a1'],
  },
  {
    name: 'a dead FIFO message makes room for its group’s next one in the same receive',
    queue: 'work.fifo',
    receiveMax: 1,
    play: async ({ queue, dead }) => {
      await send(queue, 'a1', 'a2')
      await queue.changeVisibility([{ receiptHandle: await receipt(queue), afterMs: 0 }])
      return [await bodies(queue), await bodies(dead)]
    },
    comesTo: [['a2'], ['a1']],
  },
  {
    name: 'a FIFO queue answers a duplicate with the first one’s id, also when that is deleted',
    queue: 'work.fifo',
    play: async ({ queue }) => {
      const first = await queue.send({ body: 'x', group: 'a' })
      const second = await queue.send({ body: 'x', group: 'b' })
      await queue.delete([await receipt(queue)])
      const third = await queue.send({ body: 'x', group: 'a' })
      const other = await queue.send({ body: 'x', group: 'a', deduplicationId: 'other' })
      return [second === first, third === first, other === first, (await queue.counts()).visible]
    },
    comesTo: [true, true, false, 1],
  },
  {
    name: 'a delayed message is counted as such and comes when its time has come',
    queue: 'work',
    play: async ({ queue }) => {
      await queue.send({ body: 'a', delayMs: 1000 })
      return [await queue.counts(), await bodies(queue), await bodies(queue, 1, 20_000)]
    },
    comesTo: [{ visible: 0, inFlight: 0, delayed: 1 }, [], ['a']],
  },
  {
    name: 'a group of a standard queue locks nothing',
    queue: 'fair',
    play: async ({ queue }) => {
      await send(queue, 'a1', 'a2')
      return [await bodies(queue), await bodies(queue)].flat().sort()
    },
    comesTo: ['a1', 'a2'],
  },
  {
    name: 'attributes come through, texts and bytes',
    queue: 'work',
    play: async ({ queue }) => {
      const messageAttributes = {
        text: { dataType: 'String', stringValue: 'ü' },
        bytes: { dataType: 'Binary', binaryValue: Buffer.from([0, 255]).toString('base64') },
        number: { dataType: 'Number', stringValue: '7' },
      }
      await queue.send({ body: 'a', messageAttributes })
      return (await take(queue))[0]?.messageAttributes
    },
    comesTo: {
      text: { dataType: 'String', stringValue: 'ü' },
      bytes: { dataType: 'Binary', binaryValue: 'AP8=' },
      number: { dataType: 'Number', stringValue: '7' },
    },
  },
  {
    name: 'a message has a body of at most 1 MiB, and only characters that XML has',
    queue: 'work',
    play: async ({ queue }) => [
      await outcome(queue, { body: 'x'.repeat(kibi * kibi) }),
      await outcome(queue, { body: 'x'.repeat(kibi * kibi + 1) }),
      await outcome(queue, { body: '' }),
      await outcome(queue, { body: 'a\u0001' }),
      await outcome(queue, { body: 'tab\tand ü' }),
    ],
    comesTo: ['taken', 'refused', 'refused', 'refused', 'taken'],
  },
  {
    name: 'a FIFO queue wants a group and no delay',
    queue: 'work.fifo',
    play: async ({ queue }) => [
      await outcome(queue, { body: 'a' }),
      await outcome(queue, { body: 'a', group: 'g', delayMs: 1000 }),
      await outcome(queue, { body: 'a', group: 'g' }),
    ],
    comesTo: ['refused', 'refused', 'taken'],
  },
]
