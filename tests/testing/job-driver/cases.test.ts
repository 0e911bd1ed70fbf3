/** The suite finds what is wrong with a driver: each case here breaks one promise. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { systemClock } from '../../../src/core/clock.js'
import { memoryDriver } from '../../../src/plugins/memory/driver.js'
import { memoryGuarantees as guarantees } from '../../../src/plugins/memory/guarantees.js'
import type { JobDriver } from '../../../src/work/driver.js'
import type { Source } from '../../../src/work/source.js'
import { jobDriverCases } from '../../../testing/job-driver/cases.js'
import { judgeJobs } from '../../../testing/job-driver/job-ledger.js'

/** A driver in memory with one fault; it has another name, as built-in ones are there already. */
function broken(change: (source: Source) => Partial<Source>): JobDriver {
  const inner = memoryDriver({ clock: systemClock })
  return {
    name: 'broken',
    part: { ...inner.part, name: 'broken' },
    open: async (pipeline) => {
      const source = await inner.open(pipeline)
      const whole = ['pull', 'settle', 'release', 'push', 'counts', 'park', 'close'] as const
      const bound = Object.fromEntries(whole.map((key) => [key, source[key]?.bind(source)]))
      return { guarantees, ...Object(bound), ...change(source) }
    },
  }
}

const faults: readonly (readonly [
  what: string,
  finds: RegExp,
  change: (source: Source) => Partial<Source>,
])[] = [
  [
    'forgets headers',
    /as it was pushed/,
    (source) => ({
      push: (jobs) => source.push?.(jobs.map((job) => ({ ...job, headers: {} }))) ?? Promise.resolve(),
    }),
  ],
  [
    'ignores delays',
    /with a delay/,
    (source) => ({
      push: (jobs) => source.push?.(jobs.map((job) => ({ ...job, delayMs: 0 }))) ?? Promise.resolve(),
    }),
  ],
  ['acknowledges nothing', /none is left/, () => ({ settle: async (items) => items.map(() => undefined) })],
  ['keeps what is released', /released deliveries/, () => ({ release: async () => undefined })],
  [
    'takes two at least',
    /no more than is wanted/,
    (source) => ({ pull: (want, ...more) => source.pull(Math.max(2, want), ...more) }),
  ],
  ['promises something else', /says itself/, () => ({ guarantees: { ...guarantees, ordered: false } })],
  [
    'forgets a try',
    /counts as it says/,
    (source) => ({
      pull: async (...wish) => (await source.pull(...wish)).map((one) => Object.assign(one, { attempt: 1 })),
    }),
  ],
  ['counts one more', /counts say/, () => ({ counts: async () => ({ active: 2, delayed: 1, reserved: 2 }) })],
]

for (const [what, finds, change] of faults)
  test(`the suite finds a driver that ${what}`, async (t: TestContext) => {
    const suite = {
      driver: 'broken',
      jobDriver: broken(change),
      queue: async () => ({ config: {} }),
      guarantees,
      patienceMs: 1500,
    }
    const found = jobDriverCases(suite).find(({ name }) => finds.test(name))
    assert.ok(found !== undefined)
    await assert.rejects(found.run(t))
  })

test('a driver without a plugin is not tested in servers, and one without a promise is not held to it', () => {
  const suite = {
    driver: 'broken',
    jobDriver: broken(() => ({})),
    queue: async () => ({ config: {} }),
    guarantees,
  }
  const skipped = jobDriverCases(suite).flatMap(({ skip }) => skip ?? [])
  assert.ok(skipped.includes('the driver is not a plugin that a server could load'))
  assert.ok(skipped.includes('it knows no lanes') && skipped.includes('it has no broker'))
})

test('the ledger tells what was lost, made up, and done twice beyond what a crash may cost', () => {
  const facts = { pushed: ['a', 'b', 'c'], done: ['a', 'a', 'b', 'b', 'x'], crashes: 1, inHandMax: 1 }
  assert.deepEqual(judgeJobs(facts, { ...guarantees, duplicates: 'crash' }), [
    '1 jobs were lost: c',
    '1 jobs were done and never pushed: x',
    '2 jobs were done twice, at most 1 may be: a, b',
  ])
  const whole = { ...facts, done: ['a', 'b', 'c', 'c'] }
  assert.deepEqual(judgeJobs(whole, { ...guarantees, duplicates: 'crash' }), [])
  assert.deepEqual(judgeJobs(whole, guarantees), ['1 jobs were done twice, at most 0 may be: c'])
  assert.deepEqual(judgeJobs({ ...whole, doubtful: ['c'] }, guarantees), [])
})
