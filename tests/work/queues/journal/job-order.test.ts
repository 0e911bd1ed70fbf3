import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FirstHeap } from '../../../../src/work/queues/journal/first-heap.js'
import { JobOrder, type OrderedJob } from '../../../../src/work/queues/journal/job-order.js'

interface TestJob extends OrderedJob {
  dueMs: number
}

function job(sequence: number, more: Partial<OrderedJob> = {}): TestJob {
  return { sequence, priority: 10, lane: undefined, turn: '', dueMs: 0, ...more }
}

/** Takes all that can be taken, each finished at once. */
function drain(order: JobOrder<TestJob>, nowMs: number): readonly number[] {
  const taken: number[] = []
  for (let next = order.take(nowMs); next !== undefined; next = order.take(nowMs)) {
    taken.push(next.sequence)
    order.finish(next)
  }
  return taken
}

test('a heap gives its items up in their order', () => {
  fc.assert(
    fc.property(fc.array(fc.integer()), (items) => {
      const heap = new FirstHeap<number>((a, b) => a < b)
      for (const item of items) heap.add(item)
      assert.equal(heap.size, items.length)
      const sorted = items.toSorted((a, b) => a - b)
      assert.deepEqual(
        items.map(() => heap.take()),
        sorted,
      )
      assert.equal(heap.take(), undefined)
    }),
    { seed: 1 },
  )
})

test('jobs come in the order of their pushes, one that was put back before those behind it', () => {
  const order = new JobOrder<TestJob>()
  for (const sequence of [1, 2, 3]) order.add(job(sequence), 0)
  const first = order.take(0)
  assert.ok(first !== undefined)
  order.putBack(first, 0)
  assert.deepEqual(drain(order, 0), [1, 2, 3])
})

test('a job with a time comes when it is due, in its place', () => {
  const order = new JobOrder<TestJob>()
  order.add(job(1, { dueMs: 100 }), 0)
  order.add(job(2), 0)
  assert.deepEqual([order.ready, order.later, order.nextDueMs], [1, 1, 100])
  assert.deepEqual(drain(order, 99), [2])
  order.add(job(3), 99)
  assert.deepEqual(drain(order, 100), [1, 3])
})

test('of a lane one job at a time is in hand, also while it waits for its next try', () => {
  const order = new JobOrder<TestJob>()
  for (const [sequence, lane] of [
    [1, 'a'],
    [2, 'a'],
    [3, 'b'],
    [4, undefined],
  ] as const)
    order.add(job(sequence, { lane }), 0)
  const [one, three] = [order.take(0), order.take(0)]
  assert.deepEqual([one?.sequence, three?.sequence, order.take(0)?.sequence], [1, 3, 4])
  assert.equal(order.take(0), undefined)
  assert.ok(one !== undefined)
  one.dueMs = 50
  order.putBack(one, 0)
  assert.deepEqual([order.take(0), order.ready, order.later], [undefined, 1, 1])
  assert.deepEqual(drain(order, 50), [1, 2])
})

test('priorities are weights: a high one is served more often, and a low one is not starved', () => {
  const order = new JobOrder<TestJob>()
  for (let sequence = 0; sequence < 400; sequence += 1)
    order.add(job(sequence, { priority: sequence < 200 ? 10 : 1 }), 0)
  const first = Array.from({ length: 110 }, () => order.take(0))
  const high = first.filter((one) => one?.priority === 1).length
  assert.ok(high >= 98 && high <= 102, `${high} of 110`)
})

test('whatever is added, put back and finished: none is lost, and lanes keep their order', () => {
  const step = fc.oneof(
    fc.record({ lane: fc.constantFrom('a', 'b', undefined), waitMs: fc.constantFrom(0, 0, 5) }),
    fc.constantFrom('take', 'finish', 'putBack', 'retry', 'tick'),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const order = new JobOrder<TestJob>()
      const inHand: TestJob[] = []
      const finished: TestJob[] = []
      let [nowMs, count] = [0, 0]
      for (const one of steps) {
        if (typeof one !== 'string') {
          order.add(
            job(count++, { lane: one.lane, dueMs: one.lane === undefined ? nowMs + one.waitMs : 0 }),
            nowMs,
          )
        } else if (one === 'tick') nowMs += 3
        else if (one === 'take') inHand.push(...[order.take(nowMs) ?? []].flat())
        else {
          const [held] = inHand.splice(0, 1)
          if (held === undefined) continue
          if (one === 'finish') {
            finished.push(held)
            order.finish(held)
          } else {
            held.dueMs = one === 'retry' ? nowMs + 4 : 0
            order.putBack(held, nowMs)
          }
        }
        assert.equal(order.ready + order.later + inHand.length + finished.length, count)
      }
      for (const held of inHand) {
        finished.push(held)
        order.finish(held)
      }
      const rest = drain(order, nowMs + 100)
      assert.equal(finished.length + rest.length, count)
      for (const lane of ['a', 'b']) {
        const done = finished.filter((one) => one.lane === lane).map(({ sequence }) => sequence)
        assert.deepEqual(
          done,
          done.toSorted((a, b) => a - b),
        )
      }
    }),
    { seed: 2, numRuns: 300 },
  )
})

test('turns follow each other within a priority, and a lane keeps its order over them', () => {
  const order = new JobOrder<TestJob>()
  const turns = ['a', 'a', 'a', 'b', 'a', 'c']
  for (const [at, turn] of turns.entries()) order.add(job(at, { turn }), 0)
  assert.equal(order.oldest?.sequence, 0)
  assert.deepEqual(drain(order, 0), [0, 3, 5, 1, 2, 4])
  for (const [at, turn] of ['a', 'b', 'a'].entries()) order.add(job(10 + at, { turn, lane: 'one' }), 0)
  order.add(job(20, { turn: 'a' }), 0)
  assert.deepEqual(
    drain(order, 0).filter((sequence) => sequence < 20),
    [10, 11, 12],
  )
})
