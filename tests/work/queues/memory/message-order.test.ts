import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MemoryQueue } from '../../../../src/work/queues/memory/memory-queue.js'
import { MessageOrder } from '../../../../src/work/queues/memory/message-order.js'
import { ManualClock } from '../../../ipc/manual-clock.js'

const visibilityMs = 100
const receiveMax = 3
const inFlightMax = 6
const never = new AbortController().signal

interface Kept {
  readonly id: string
  readonly group: string
  visibleAtMs: number
  count: number
}

/** A queue that looks at every message for each answer. */
class ListQueue {
  readonly #isFifo: boolean
  #kept: Kept[] = []
  readonly dead: string[] = []

  constructor(isFifo: boolean) {
    this.#isFifo = isFifo
  }

  send(id: string, group: string, visibleAtMs: number): void {
    this.#kept.push({ id, group, visibleAtMs, count: 0 })
  }

  receive(max: number, nowMs: number): readonly string[] {
    const flying = this.#kept.filter(({ visibleAtMs, count }) => visibleAtMs > nowMs && count > 0)
    const locked = new Set(this.#isFifo ? flying.map(({ group }) => group) : [])
    const taken: Kept[] = []
    for (const one of this.#kept.filter(({ visibleAtMs }) => visibleAtMs <= nowMs)) {
      if (taken.length >= Math.min(max, inFlightMax - flying.length)) break
      if (locked.has(one.group)) continue
      if (one.count < receiveMax) taken.push(one)
      else this.#bury(one)
    }
    for (const one of taken) {
      one.count += 1
      one.visibleAtMs = nowMs + visibilityMs
    }
    return taken.map(({ id }) => id)
  }

  delete(id: string, nowMs: number): void {
    this.#kept = this.#kept.filter((one) => one.id !== id || (this.#isFifo && one.visibleAtMs <= nowMs))
  }

  hide(id: string, forMs: number, nowMs: number): void {
    const one = this.#kept.find((kept) => kept.id === id)
    if (one !== undefined && one.visibleAtMs > nowMs) one.visibleAtMs = nowMs + forMs
  }

  counts(nowMs: number) {
    const hidden = this.#kept.filter(({ visibleAtMs }) => visibleAtMs > nowMs)
    const inFlight = hidden.filter(({ count }) => count > 0).length
    return { visible: this.#kept.length - hidden.length, inFlight, delayed: hidden.length - inFlight }
  }

  get ids(): readonly string[] {
    return this.#kept.map(({ id }) => id)
  }

  #bury(dead: Kept): void {
    this.#kept = this.#kept.filter((one) => one !== dead)
    this.dead.push(dead.id)
  }
}

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('send'), group: fc.nat(3), ms: fc.nat(120) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('receive'),
      group: fc.integer({ min: 1, max: 10 }),
      ms: fc.nat(0),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete'), group: fc.nat(30), ms: fc.nat(0) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('hide'), group: fc.nat(30), ms: fc.nat(150) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait'), group: fc.nat(0), ms: fc.nat(130) }) },
)

for (const name of ['work', 'work.fifo']) {
  test(`${name}: a queue in memory answers as a list of messages would`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 80 }), (steps) => play(name, steps)),
      { seed: 20, numRuns: 300 },
    )
  })
}

async function play(name: string, steps: readonly { do: string; group: number; ms: number }[]) {
  const isFifo = name.endsWith('.fifo')
  const clock = new ManualClock()
  let ids = 0
  const common = { clock, newId: () => `m${++ids}`, visibilityMs }
  const dead = new MemoryQueue({ ...common, name: isFifo ? 'dead.fifo' : 'dead' })
  const queue = new MemoryQueue({ ...common, name, deadLetter: dead, receiveMax, inFlightMax })
  const list = new ListQueue(isFifo)
  const receipts = new Map<string, string>()
  for (const one of steps) {
    const nowMs = clock.nowMs()
    const [id, receipt] = [...receipts][one.group % Math.max(1, receipts.size)] ?? ['', '']
    if (one.do === 'send') {
      const delayMs = isFifo || one.ms > 60 ? 0 : one.ms
      const sent = await queue.send({
        body: `${ids}`,
        group: `g${one.group}`,
        ...(isFifo ? {} : { delayMs }),
      })
      list.send(sent, `g${one.group}`, nowMs + delayMs)
    } else if (one.do === 'receive') {
      const received = await queue.receive({ max: one.group, waitMs: 0, signal: never })
      for (const { messageId, receiptHandle } of received) receipts.set(messageId, receiptHandle)
      assert.deepEqual(
        received.map(({ messageId }) => messageId),
        list.receive(one.group, nowMs),
      )
    } else if (one.do === 'delete') {
      await queue.delete([receipt])
      list.delete(id, nowMs)
    } else if (one.do === 'hide') {
      await queue.changeVisibility([{ receiptHandle: receipt, afterMs: one.ms }])
      list.hide(id, one.ms, nowMs)
    } else clock.advance(one.ms)
    assert.deepEqual(await queue.counts(), list.counts(clock.nowMs()))
    assert.deepEqual([queue.ids, dead.ids], [list.ids, list.dead])
  }
}

test('messages that wait are not looked at by each receive', () => {
  const looks = [1000, 100_000].map((waiting) => looksPerTake(waiting, 'one group'))
  const ordered = [1000, 100_000].map((waiting) => looksPerTake(waiting, 'many groups'))
  for (const [few = 0, many = 0] of [looks, ordered])
    assert.ok(few > 0 && many < 3 * few, `${few} looks at a message with 1,000 waiting, ${many} with 100,000`)
})

/** Counts the looks at a message while 500 are taken and hidden again. */
function looksPerTake(waiting: number, groups: 'one group' | 'many groups'): number {
  let looks = 0
  const order = new MessageOrder({ locksGroups: groups === 'many groups' })
  const message = (at: number, visibleAtMs: number, receiveCount: number) => ({
    get sequence() {
      looks += 1
      return BigInt(at)
    },
    get visibleAtMs() {
      looks += 1
      return visibleAtMs
    },
    group: `g${at}`,
    receiveCount,
  })
  for (let at = 0; at < waiting; at += 1) order.add(message(at, at % 2 === 0 ? 0 : 1000 + at, 0), 0)
  looks = 0
  for (let at = 0; at < 500; at += 1) {
    order.surface(at)
    assert.ok(order.take() !== undefined)
    order.add(message(waiting + at, 1000 + waiting + at, 1), at)
  }
  return looks / 500
}
