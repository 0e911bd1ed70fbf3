import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { hasCode } from '../../../../src/core/errors.js'
import { seededRandom } from '../../../../src/core/random.js'
import { WaitingLine } from '../../../../src/supervisor/pool/queue/waiting-line.js'
import { ManualClock } from '../../../ipc/manual-clock.js'

function makeLine() {
  const clock = new ManualClock()
  return { clock, line: new WaitingLine<number>({ pool: 'p', clock }) }
}

interface Caller {
  readonly priority?: number
  readonly key?: string
}

/** Callers that stand in line again as soon as they are served; returns how often each was in `rounds` services. */
async function serveRounds(callers: readonly Caller[], rounds: number): Promise<number[]> {
  const { line } = makeLine()
  const served = callers.map(() => 0)
  const stand = (at: number): void => {
    const { priority, key } = callers[at] ?? {}
    void line.wait({ front: false, waitMsMax: 1e9, signal: undefined, priority, key }).then(() => {
      served[at] = (served[at] ?? 0) + 1
      stand(at)
    })
  }
  for (const at of callers.keys()) stand(at)
  for (let round = 0; round < rounds; round += 1) {
    assert.equal(line.serve(round), true)
    await Promise.resolve()
    await Promise.resolve()
  }
  return served
}

test('a caller of priority 1 is served ten times as often as one of 10, and neither starves', async () => {
  const [often = 0, seldom = 0] = await serveRounds([{ priority: 1 }, { priority: 10 }], 11_000)
  assert.ok(Math.abs(often / seldom - 10) < 0.1, `${often} to ${seldom}`)
})

test('whatever the priorities, every class gets the share of its weight over long runs', async () => {
  const property = fc.asyncProperty(
    fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { minLength: 2, maxLength: 6 }),
    async (priorities) => {
      const rounds = 4000
      const served = await serveRounds(
        priorities.map((priority) => ({ priority })),
        rounds,
      )
      const weights = priorities.map((priority) => 1 / priority)
      const total = weights.reduce((sum, weight) => sum + weight, 0)
      for (const [at, count] of served.entries()) {
        const due = (rounds * (weights[at] ?? 0)) / total
        // One service more or less for each other class.
        assert.ok(Math.abs(count - due) <= priorities.length + 1, `${priorities}: ${served}`)
      }
    },
  )
  await fc.assert(property, { numRuns: 30 })
})

test('keys of one priority take turns, however many callers stand behind one of them', async () => {
  const callers = [...Array.from({ length: 50 }, () => ({ key: 'loud' })), { key: 'quiet' }]
  const served = await serveRounds(callers, 1000)
  assert.equal(served.at(-1), 500)
})

test('a class that was away has saved nothing up, and what it finds is not ahead of it for long', async () => {
  const { line } = makeLine()
  const order: string[] = []
  const stand = (name: string, priority: number) =>
    void line.wait({ front: false, waitMsMax: 1e9, signal: undefined, priority }).then(() => order.push(name))
  for (let at = 0; at < 100; at += 1) stand('a', 10)
  for (let at = 0; at < 50; at += 1) line.serve(at)
  for (let at = 0; at < 20; at += 1) stand('b', 11)
  for (let at = 0; at < 40; at += 1) line.serve(at)
  await Promise.resolve()
  const later = order.slice(50)
  const count = later.filter((name) => name === 'b').length
  assert.ok(count >= 17 && count <= 20, later.join(''))
  assert.ok(!later.join('').includes('bb'), later.join(''))
})

test('those in front go first, in the order in which they came', async () => {
  const { line } = makeLine()
  const order: number[] = []
  for (const [at, front] of [false, true, false, true].entries())
    void line.wait({ front, waitMsMax: 1e9, signal: undefined, priority: 1 }).then(() => order.push(at))
  for (let at = 0; at < 4; at += 1) line.serve(at)
  await Promise.resolve()
  assert.deepEqual(order, [1, 3, 0, 2])
})

test('a priority that is not a number counts as the default and does not stop the others', async () => {
  const [odd = 0, even = 0] = await serveRounds([{ priority: Number.NaN, key: 'a' }, { key: 'b' }], 100)
  assert.deepEqual([odd, even], [50, 50])
})

test('callers that gave up, are late or are refused leave no trace; workers go to those that wait', async () => {
  const step = fc.record({
    deed: fc.constantFrom('wait', 'wait', 'serve', 'abort', 'advance'),
    priority: fc.constantFrom(1, 5, 10),
    key: fc.constantFrom('a', 'b', 'c'),
    front: fc.boolean(),
    at: fc.nat(20),
  })
  const property = fc.asyncProperty(fc.array(step, { maxLength: 200 }), async (steps) => {
    const { clock, line } = makeLine()
    const controllers: AbortController[] = []
    const outcomes: string[][] = []
    let served = 0
    for (const { deed, priority, key, front, at } of steps) {
      if (deed === 'wait') {
        const controller = new AbortController()
        const mine: string[] = []
        controllers.push(controller)
        outcomes.push(mine)
        line.wait({ front, waitMsMax: 50 + at, signal: controller.signal, priority, key }).then(
          () => mine.push('served'),
          (error) => mine.push(hasCode(error, 'RR_JOB_ABORTED') ? 'gave up' : 'late'),
        )
      } else if (deed === 'serve') {
        const isWaiting = line.length > 0
        assert.equal(line.serve(served), isWaiting)
        if (isWaiting) served += 1
      } else if (deed === 'abort') controllers[at]?.abort()
      else clock.advance(at)
      assert.equal(clock.timerCount, line.length)
    }
    while (line.serve(0)) served += 1
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(line.length, 0)
    assert.equal(line.oldestMs(), 0)
    assert.equal(clock.timerCount, 0)
    assert.ok(outcomes.every((one) => one.length === 1))
    assert.equal(outcomes.flat().filter((one) => one === 'served').length, served)
  })
  await fc.assert(property, { numRuns: 200 })
})

test('a million callers come and go through the line in a fair order', () => {
  const { line } = makeLine()
  const random = seededRandom(7)
  for (let at = 0; at < 1_000_000; at += 1) {
    if (line.length < 100)
      void line.wait({
        front: false,
        waitMsMax: 1e9,
        signal: undefined,
        priority: 1 + Math.floor(random() * 9),
        key: `k${at % 7}`,
      })
    if (random() < 0.5) line.serve(at)
  }
  assert.ok(line.length > 0)
  while (line.serve(0));
  assert.equal(line.length, 0)
})
