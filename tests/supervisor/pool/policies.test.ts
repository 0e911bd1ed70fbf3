import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { seededRandom } from '../../../src/core/random.js'
import { autoSize } from '../../../src/supervisor/machine/auto-size.js'
import { bootDelayMs, bootRetryBackoff } from '../../../src/supervisor/pool/slots/boot-retry.js'
import { deathsMaxOf, isCrashLoop, recentDeaths } from '../../../src/supervisor/pool/slots/crash-loop.js'
import { canaryFault } from '../../../src/supervisor/pool/slots/reset.js'
import { planScale, type ScalePolicy, type ScaleView } from '../../../src/supervisor/pool/upkeep/scaler.js'
import type { JobScore } from '../../../src/supervisor/worker/job/tally.js'

const policy: ScalePolicy = {
  floor: 2,
  ceiling: 10,
  step: 4,
  growAfterMs: 100,
  coolDownMs: 1000,
  idleMsMax: 60_000,
}
const quiet: ScaleView = {
  size: 2,
  booting: 0,
  failing: 0,
  isDegraded: false,
  waiting: 0,
  oldestMs: 0,
  idle: [],
  sinceGrowthMs: Number.POSITIVE_INFINITY,
  memoryRoom: Number.POSITIVE_INFINITY,
}
const waits = { ...quiet, waiting: 3, oldestMs: 100 }
const idle = (...idleMs: number[]) => idleMs.map((ms, at) => ({ pid: at + 1, idleMs: ms }))

test('a pool grows on the depth and age of its line and shrinks by what has idled longest', () => {
  const cases: [string, Partial<ScaleView>, object][] = [
    ['nobody waits', quiet, { kind: 'stay' }],
    ['three wait for long enough', waits, { kind: 'grow', by: 3 }],
    ['not for long enough yet', { ...waits, oldestMs: 99 }, { kind: 'stay' }],
    ['those that boot will serve them', { ...waits, booting: 3 }, { kind: 'stay' }],
    ['one boots, two more are wanted', { ...waits, booting: 1 }, { kind: 'grow', by: 2 }],
    ['no more than a step', { ...waits, waiting: 50 }, { kind: 'grow', by: 4 }],
    ['no more than the ceiling', { ...waits, size: 9 }, { kind: 'grow', by: 1 }],
    ['at the ceiling', { ...waits, size: 10 }, { kind: 'stay' }],
    ['within the cool-down', { ...waits, sinceGrowthMs: 999 }, { kind: 'stay' }],
    ['memory for one', { ...waits, memoryRoom: 1 }, { kind: 'grow', by: 1 }],
    ['which one that boots will take', { ...waits, memoryRoom: 1, booting: 1 }, { kind: 'stay' }],
    ['degraded', { ...waits, isDegraded: true }, { kind: 'stay' }],
    [
      'the longest idle first',
      { size: 4, idle: idle(6e4, 9e4, 8e4, 7e4) },
      { kind: 'shrink', pids: [2, 3], empty: 0 },
    ],
    ['not below the floor', { size: 3, idle: idle(6e4, 9e4) }, { kind: 'shrink', pids: [2], empty: 0 }],
    ['at the floor', { size: 2, idle: idle(9e9, 9e9) }, { kind: 'stay' }],
    ['none idles for long enough', { size: 4, idle: idle(59_999) }, { kind: 'stay' }],
    ['grown a moment ago', { size: 4, idle: idle(9e4), sinceGrowthMs: 59_999 }, { kind: 'stay' }],
    [
      'places without a worker first',
      { size: 5, failing: 2, booting: 2, idle: idle(9e4) },
      { kind: 'shrink', pids: [1], empty: 2 },
    ],
  ]
  for (const [name, view, step] of cases)
    assert.deepEqual(planScale({ ...quiet, ...view }, policy), step, name)
})

test('whatever a pool looks like, its size stays between floor and ceiling, and within memory', () => {
  const view = fc.record({
    size: fc.integer({ min: 2, max: 10 }),
    booting: fc.nat(5),
    failing: fc.nat(5),
    isDegraded: fc.boolean(),
    waiting: fc.nat(40),
    oldestMs: fc.nat(500),
    idle: fc.array(fc.record({ pid: fc.nat(99), idleMs: fc.nat(200_000) }), { maxLength: 10 }),
    sinceGrowthMs: fc.nat(100_000),
    memoryRoom: fc.nat(12),
  })
  const property = fc.property(view, (one) => {
    const step = planScale(one, policy)
    if (step.kind === 'grow') {
      assert.ok(one.size + step.by <= policy.ceiling && step.by <= policy.step && step.by >= 1)
      assert.ok(step.by + one.booting <= one.memoryRoom && !one.isDegraded)
    }
    if (step.kind === 'shrink') {
      assert.equal(one.waiting, 0)
      const given = step.pids.length + step.empty
      assert.ok(given >= 1 && given <= policy.step && one.size - given >= policy.floor)
    }
  })
  fc.assert(property, { numRuns: 20_000 })
})

test('deaths count for as long as they should, and more than the limit is a loop', () => {
  const loop = { deathsMax: 3, periodMs: 1000 }
  assert.deepEqual(recentDeaths([0, 500, 900], 1400, loop), [500, 900])
  assert.equal(isCrashLoop(3, loop), false)
  assert.equal(isCrashLoop(4, loop), true)
  assert.deepEqual([deathsMaxOf(0, 1), deathsMaxOf(0, 100), deathsMaxOf(7, 100)], [10, 300, 7])
})

test('a boot does not wait without a cause; then the wait grows to 3 s at most', () => {
  const loop = { deathsMax: 3, periodMs: 1000 }
  const random = seededRandom(1)
  assert.equal(bootDelayMs({ failures: 0, deaths: 3 }, loop, random), 0)
  const property = fc.property(
    fc.nat(5000),
    fc.nat(5000),
    fc.double({ min: 0, max: 0.999, noNaN: true }),
    (f, d, chance) => {
      const delayMs = bootDelayMs({ failures: f, deaths: d }, loop, () => chance)
      assert.ok(delayMs >= 0 && delayMs <= bootRetryBackoff.maxMs)
      assert.equal(delayMs === 0, f === 0 && d <= 3)
    },
  )
  fc.assert(property, { numRuns: 5000 })
  const longest = (failures: number) => bootDelayMs({ failures, deaths: 0 }, loop, () => 0)
  assert.deepEqual([1, 2, 3, 7, 8].map(longest), [50, 100, 200, 3000, 3000])
})

test('a canary may stay when it does no worse than the old ones did', () => {
  const score = (answered: number, failed: number, more: Partial<JobScore> = {}): JobScore => ({
    answered,
    failed,
    isGone: false,
    hasLeftInPeace: false,
    isBusy: false,
    ...more,
  })
  const cases: [JobScore, JobScore[], RegExp | undefined][] = [
    [score(10, 0), [score(100, 50)], undefined],
    [score(10, 1), [score(10, 1)], undefined],
    [score(10, 2), [score(10, 1)], /failed 2 of 10 jobs, the old ones 1 of 10/],
    [score(10, 1), [], /failed 1 of 10/],
    [score(0, 0), [score(10, 0)], undefined],
    [score(3, 0, { isGone: true }), [score(10, 10)], /died after 3 jobs/],
    [score(3, 0, { isGone: true, hasLeftInPeace: true }), [score(10, 0)], undefined],
    [score(0, 0, { isBusy: true }), [score(10, 10)], /did not answer its first job/],
  ]
  for (const [fresh, old, text] of cases) {
    const fault = canaryFault(fresh, old)
    if (text === undefined) assert.equal(fault, undefined)
    else assert.match(fault ?? '', text)
  }
})

test('num_workers: auto is as many workers a processor as granted, and what fits into memory', () => {
  const gb = 2 ** 30
  const mb = 2 ** 20
  const cases: readonly (readonly [
    cpus: number,
    memoryBytes: number,
    workersPerCpu: number,
    size: number,
  ])[] = [
    [4, Number.POSITIVE_INFINITY, 1, 4],
    [0.5, Number.POSITIVE_INFINITY, 1, 1],
    [1.2, 4 * gb, 1, 2],
    [16, gb, 1, 13],
    [8, 128 * mb, 1, 1],
    [1, 4 * gb, 2, 2],
    [1.2, 4 * gb, 2, 4],
    [0.3, 512 * mb, 2, 2],
  ]
  for (const [cpus, memoryBytes, workersPerCpu, size] of cases)
    assert.equal(autoSize({ cpus, memoryBytes, workersPerCpu }), size, `${cpus} cpus, ${memoryBytes / mb} MB`)
})
