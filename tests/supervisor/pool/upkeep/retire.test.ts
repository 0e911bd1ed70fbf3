import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { leavingMax } from '../../../../src/supervisor/pool/slots/leaving.js'
import {
  countOver,
  dueOf,
  hasRoomFor,
  type LifePolicy,
  overBudget,
  planRetirements,
  roomFor,
  type WorkerLife,
} from '../../../../src/supervisor/pool/upkeep/retire.js'

const policy: LifePolicy = { ttlMs: 1000, idleTtlMs: 500, memoryBytesMax: 100, memorySamples: 2 }
const young: WorkerLife = {
  pid: 1,
  ageMs: 0,
  idleMs: undefined,
  memoryBytes: 10,
  firstBytes: 10,
  samplesOver: 0,
}

test('a worker is due for its age, then its memory, then its idleness, with the numbers', () => {
  const cases: [Partial<WorkerLife>, object | undefined][] = [
    [{}, undefined],
    [{ ageMs: 999, idleMs: 499, memoryBytes: 99 }, undefined],
    [{ ageMs: 1000 }, { pid: 1, why: 'ttl', is: 1000, limit: 1000 }],
    [{ memoryBytes: 100, samplesOver: 1 }, undefined],
    [
      { memoryBytes: 100, samplesOver: 2 },
      { pid: 1, why: 'max_memory', is: 100, limit: 100 },
    ],
    [{ memoryBytes: 99, samplesOver: 2 }, undefined],
    [{ idleMs: 500 }, { pid: 1, why: 'idle_ttl', is: 500, limit: 500 }],
    [
      { ageMs: 1e6, memoryBytes: 1e6, samplesOver: 9, idleMs: 1e6 },
      { pid: 1, why: 'ttl', is: 1e6, limit: 1000 },
    ],
  ]
  for (const [life, due] of cases) assert.deepEqual(dueOf({ ...young, ...life }, policy), due)
  const none = { ttlMs: 0, idleTtlMs: 0, memoryBytesMax: 0, memorySamples: 1 }
  assert.equal(
    dueOf({ ...young, ageMs: 1e9, idleMs: 1e9, memoryBytes: 1e9, samplesOver: 99 }, none),
    undefined,
  )
})

test('one sample under the limit begins the count over', () => {
  let over = 0
  const counts = [100, 150, 99, 100, 100].map((bytes) => {
    over = countOver(over, bytes, 100)
    return over
  })
  assert.deepEqual(counts, [1, 2, 0, 1, 2])
})

test('at most a quarter of a pool leaves at once, the fullest first, and only workers that are due', () => {
  const life = fc.record({
    ageMs: fc.nat(3000),
    idleMs: fc.option(fc.nat(2000), { nil: undefined }),
    memoryBytes: fc.nat(300),
    samplesOver: fc.nat(4),
  })
  const property = fc.property(fc.array(life, { maxLength: 60 }), fc.nat(20), (drawn, leaving) => {
    const lives = drawn.map((one, at): WorkerLife => ({ ...young, ...one, pid: at + 1 }))
    const size = Math.max(1, lives.length)
    const plan = planRetirements({ lives, policy, size, leaving })
    const due = lives.flatMap((one) => dueOf(one, policy) ?? [])
    assert.equal(plan.length, Math.min(due.length, Math.max(0, leavingMax(size) - leaving)))
    for (const one of plan) assert.ok(due.some(({ pid }) => pid === one.pid))
    assert.equal(new Set(plan.map(({ pid }) => pid)).size, plan.length)
    const isFull = plan.map(({ why }) => why === 'max_memory')
    assert.deepEqual(
      isFull,
      [...isFull].sort((a, b) => Number(b) - Number(a)),
    )
  })
  fc.assert(property, { numRuns: 5000 })
})

test('with the budget nearly used up the biggest worker that has grown goes, and only one', () => {
  const big = { ...young, pid: 2, memoryBytes: 500, firstBytes: 400 }
  const grown = { ...young, pid: 3, memoryBytes: 300, firstBytes: 200 }
  assert.equal(overBudget([big, grown], { limitBytes: 1000, usedBytes: 900 }), undefined)
  assert.deepEqual(overBudget([big, grown], { limitBytes: 1000, usedBytes: 901 }), {
    pid: 3,
    why: 'max_memory',
    is: 901,
    limit: 900,
  })
  assert.equal(overBudget([big], { limitBytes: 1000, usedBytes: 999 }), undefined)
  assert.equal(overBudget([grown], { limitBytes: Number.POSITIVE_INFINITY, usedBytes: 1e12 }), undefined)
})

test('there is room for another worker while nine tenths of the budget hold it', () => {
  const budget = { limitBytes: 1000, usedBytes: 700 }
  assert.equal(hasRoomFor(200, budget), true)
  assert.equal(hasRoomFor(201, budget), false)
  assert.equal(roomFor([100, 100], budget), 2)
  assert.equal(roomFor([], budget), Number.POSITIVE_INFINITY)
  assert.equal(roomFor([100], { limitBytes: 1000, usedBytes: 5000 }), 0)
})
