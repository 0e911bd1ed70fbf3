/** Conformance of sources over a queue: pull, settle, extend, release, push and counts, whoever keeps the messages. */
import type { Delivery, NewJob, Source } from '../../src/work/source.js'
import type { Verdict } from '../../src/work/verdict.js'
import type { QueueShape } from './queue.js'

interface SourcePair {
  readonly source: Source
  /** The queue that dead letters go to. */
  readonly dead: Source
}

interface Scenario extends QueueShape {
  readonly name: string
  readonly play: (pair: SourcePair) => Promise<unknown>
  readonly comesTo: unknown
}

const never = new AbortController().signal
const done: Verdict = { kind: 'done', body: new Uint8Array() }
const retry: Verdict = { kind: 'retry', why: { kind: 'retry', message: 'once more' } }
const fail: Verdict = { kind: 'fail', why: { kind: 'failed', message: 'no good' } }
const retryAtOnce: Verdict = { ...retry, afterMs: 0 }

/** Jobs by their bodies; the first letter is the lane where there are lanes. */
function jobs(words: readonly string[], more: Partial<NewJob> = {}): readonly NewJob[] {
  return words.map((body) => ({
    id: body,
    name: 'app.job',
    body,
    headers: {},
    priority: 10,
    delayMs: 0,
    ...more,
  }))
}

async function push(source: Source, ...words: readonly string[]): Promise<void> {
  await source.push?.(jobs(words))
}

async function pushLanes(source: Source, ...words: readonly string[]): Promise<void> {
  for (const word of words) await source.push?.(jobs([word], { lane: word[0] ?? '' }))
}

function pull(source: Source, want = 10, waitMs = 0): Promise<readonly Delivery[]> {
  return source.pull(want, never, waitMs)
}

async function bodies(source: Source, want = 10, waitMs = 0): Promise<readonly string[]> {
  return bodiesOf(await pull(source, want, waitMs))
}

/** The next that come; a receive that only moves dead letters may come to nothing. */
async function nextBodies(source: Source): Promise<readonly string[]> {
  const found = await bodies(source, 10, 20_000)
  return found.length > 0 ? found : bodies(source, 10, 20_000)
}

function bodiesOf(deliveries: readonly Delivery[]): readonly string[] {
  return deliveries.map(({ body }) => String(body)).sort()
}

function judge(source: Source, deliveries: readonly Delivery[], ...verdicts: readonly Verdict[]) {
  const items = deliveries.map((delivery, at) => ({ delivery, verdict: verdicts[at] ?? done }))
  return source.settle(items)
}

function areFaults(faults: readonly (Error | undefined)[] | undefined): readonly boolean[] {
  return (faults ?? []).map((fault) => fault instanceof Error)
}

const empty = { active: 0, delayed: 0, reserved: 0 }

/** The scenarios: what is done, and what it comes to. */
export const sourceScenarios: readonly Scenario[] = [
  {
    name: 'a delivery says what AWS says of the message, without its body',
    queue: 'work',
    play: async ({ source }) => {
      await push(source, 'a')
      const [delivery] = await pull(source)
      const { record, attempt, lane, priority } = delivery ?? {}
      const { attributes, receiptHandle, messageId, ...rest } = record ?? {}
      const isSame = messageId === delivery?.id
      return [attempt, lane, priority, isSame, typeof receiptHandle, typeof attributes, Object.keys(rest)]
    },
    comesTo: [
      1,
      undefined,
      10,
      true,
      'string',
      'object',
      ['messageAttributes', 'md5OfBody', 'eventSource', 'eventSourceARN', 'awsRegion'],
    ],
  },
  {
    name: 'name, headers and priority of a job come through',
    queue: 'work',
    play: async ({ source }) => {
      const headers = { trace: ['x', 'ü'], empty: [] }
      await source.push?.(jobs(['a'], { headers, priority: 3 }))
      const [delivery] = await pull(source)
      const attributes = Object(delivery?.record.messageAttributes)
      const own = ['rr_id', 'rr_job'].map((name) => attributes[name]?.stringValue)
      return [delivery?.headers, delivery?.priority, own]
    },
    comesTo: [{ trace: ['x', 'ü'], empty: [] }, 3, ['a', 'app.job']],
  },
  {
    name: 'a pull takes no more than is wanted, and waits for the first',
    queue: 'work',
    play: async ({ source }) => {
      const first = pull(source, 2, 20_000)
      await push(source, 'a')
      const taken = [...(await first)]
      await push(source, 'b', 'c', 'd')
      while (taken.length < 3) taken.push(...(await pull(source, 2, 20_000)))
      return [bodiesOf(taken).length <= 3, (await pull(source, 5, 20_000)).length]
    },
    comesTo: [true, 1],
  },
  {
    name: 'a pull ends with nothing when it is aborted, or its time is over',
    queue: 'work',
    play: async ({ source }) => {
      const stop = new AbortController()
      const aborted = source.pull(10, stop.signal)
      stop.abort()
      return [await aborted, await pull(source)]
    },
    comesTo: [[], []],
  },
  {
    name: 'what is done is gone, and what is to be tried again comes again, counted',
    queue: 'work',
    play: async ({ source }) => {
      await push(source, 'a', 'b')
      const deliveries = await pull(source)
      const isA = ({ body }: Delivery) => String(body) === 'a'
      const verdicts = deliveries.map((one) => (isA(one) ? done : retryAtOnce))
      const faults = await judge(source, deliveries, ...verdicts)
      const again = await pull(source)
      return [areFaults(faults), bodiesOf(again), again[0]?.attempt, await bodies(source)]
    },
    comesTo: [[false, false], ['b'], 2, []],
  },
  {
    name: 'a retry without a wait comes when the visibility ends, one with a wait after it',
    queue: 'work',
    visibilitySeconds: 1,
    play: async ({ source }) => {
      await push(source, 'a', 'b')
      const deliveries = await pull(source)
      const isA = ({ body }: Delivery) => String(body) === 'a'
      const verdicts = deliveries.map((one) => (isA(one) ? retry : { ...retry, afterMs: 3_600_000 }))
      await judge(source, deliveries, ...verdicts)
      return [await bodies(source), await bodies(source, 10, 20_000)]
    },
    comesTo: [[], ['a']],
  },
  {
    name: 'what has failed for good is gone where there are no dead letters',
    queue: 'work',
    play: async ({ source }) => {
      await push(source, 'a')
      await judge(source, await pull(source), fail)
      return source.counts?.()
    },
    comesTo: empty,
  },
  {
    name: 'what has failed for good is left to the queue where there are dead letters',
    queue: 'work',
    receiveMax: 1,
    visibilitySeconds: 1,
    play: async ({ source, dead }) => {
      await push(source, 'a')
      await judge(source, await pull(source), fail)
      const before = await source.counts?.()
      // The dead letter moves with the next receive after its visibility has ended.
      await source.push?.(jobs(['later'], { delayMs: 2000 }))
      const next = await nextBodies(source)
      return [before, next, await bodies(dead, 10, 20_000)]
    },
    comesTo: [{ active: 0, delayed: 0, reserved: 1 }, ['later'], ['a']],
  },
  {
    name: 'more than ten are settled in one call',
    queue: 'work',
    play: async ({ source }) => {
      const words = Array.from({ length: 23 }, (_, at) => `b${at}`)
      await push(source, ...words)
      const all: Delivery[] = []
      while (all.length < words.length) all.push(...(await pull(source, 30)))
      const faults = await judge(source, all)
      return [faults.length, areFaults(faults).includes(true), await source.counts?.()]
    },
    comesTo: [23, false, empty],
  },
  {
    name: 'the fault of a lost delivery stands in its place, and the others are extended',
    queue: 'work',
    play: async ({ source }) => {
      await push(source, 'a', 'b')
      const [lost, kept] = await pull(source)
      if (lost === undefined || kept === undefined) return 'not delivered'
      await judge(source, [lost])
      const faults = await source.extend?.([lost, kept], 60_000)
      return [areFaults(faults), await source.counts?.()]
    },
    comesTo: [[true, false], { active: 0, delayed: 0, reserved: 1 }],
  },
  {
    name: 'an extended delivery stays hidden, and its next attempt comes after it',
    queue: 'work',
    visibilitySeconds: 1,
    play: async ({ source }) => {
      await push(source, 'a')
      const deliveries = await pull(source)
      await source.extend?.(deliveries, 60_000)
      await source.push?.(jobs(['later'], { delayMs: 2000 }))
      const next = await bodies(source, 10, 20_000)
      await source.extend?.(deliveries, 0)
      return [next, await bodies(source)]
    },
    comesTo: [['later'], ['a']],
  },
  {
    name: 'a lane is held by its delivery, and a released one comes again at once, before what follows it',
    queue: 'work.fifo',
    play: async ({ source }) => {
      await pushLanes(source, 'a1', 'b1', 'a2')
      const taken = [...(await pull(source, 1)), ...(await pull(source, 1))]
      const lanes = taken.map(({ lane }) => lane)
      const meanwhile = await bodies(source)
      await source.release(taken)
      const again = [...(await pull(source, 1)), ...(await pull(source, 1))]
      await judge(source, again)
      return [lanes, meanwhile, bodiesOf(again), await bodies(source)]
    },
    comesTo: [['a', 'b'], [], ['a1', 'b1'], ['a2']],
  },
  {
    name: 'jobs without a lane do not wait for each other on a FIFO queue, and a job is taken once',
    queue: 'work.fifo',
    play: async ({ source }) => {
      await push(source, 'a', 'b', 'a')
      const [first] = await pull(source, 1)
      return [bodiesOf(first === undefined ? [] : [first]), await bodies(source)]
    },
    comesTo: [['a'], ['b']],
  },
  {
    name: 'counts say where the messages are',
    queue: 'work',
    play: async ({ source }) => {
      await push(source, 'a', 'b', 'c')
      await source.push?.(jobs(['d'], { delayMs: 60_000 }))
      await pull(source, 2)
      return source.counts?.()
    },
    comesTo: { active: 1, delayed: 1, reserved: 2 },
  },
]
