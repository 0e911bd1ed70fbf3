import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Delivery } from '../../src/work/source.js'
import { VisibilityExtender } from '../../src/work/visibility-extender.js'
import { delivery } from '../helpers/deliveries.js'
import { recordingLogger } from '../helpers/pool.js'
import { ManualClock } from '../ipc/manual-clock.js'

const grantedMs = 30_000

/** An extender in virtual time, whose calls are written down; `answer` is the source's. */
function extenderOf(
  answer: (deliveries: readonly Delivery[]) => readonly (Error | undefined)[] = (all) =>
    all.map(() => undefined),
  execTtlMs = 100_000,
) {
  const clock = new ManualClock()
  const log = recordingLogger()
  const calls: [atMs: number, ids: string, byMs: number][] = []
  const extend = async (deliveries: readonly Delivery[], byMs: number) => {
    calls.push([clock.nowMs(), deliveries.map(({ id }) => id).join(), byMs])
    return answer(deliveries)
  }
  const extender = new VisibilityExtender({ extend, clock, log, execTtlMs })
  /** Lets the time go by in steps of a second. */
  const pass = async (ms: number) => {
    for (let left = ms; left > 0; left -= 1000) {
      clock.advance(1000)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  const track = (id: string): Delivery => {
    const one = delivery(id, { expiresAtMs: clock.nowMs() + grantedMs })
    extender.track([one])
    return one
  }
  return { clock, extender, calls, log, pass, track }
}

test('deliveries that run are extended at half of the time left, all that are due in one call', async () => {
  const { extender, calls, pass, track } = extenderOf()
  const held = [track('1'), track('2')]
  track('3')
  extender.hold(held)
  await pass(31_000)
  assert.deepEqual(calls, [
    [15_000, '1,2', grantedMs],
    [30_000, '1,2', grantedMs],
  ])
  assert.deepEqual(
    held.map((one) => extender.drop(one)),
    [false, false],
  )
})

test('what is settled is not extended, and no timer is left behind', async () => {
  const { clock, extender, calls, pass, track } = extenderOf()
  const one = track('1')
  extender.hold([one])
  assert.equal(extender.drop(one), false)
  assert.equal(clock.timerCount, 0)
  await pass(20_000)
  assert.deepEqual(calls, [])
})

test('nothing is extended beyond exec_ttl, and what expires then is lost', async () => {
  const { extender, calls, pass, track } = extenderOf(undefined, 40_000)
  const one = track('1')
  extender.hold([one])
  await pass(60_000)
  assert.deepEqual(calls, [
    [15_000, '1', 25_000],
    [28_000, '1', 12_000],
    [34_000, '1', 6000],
    [37_000, '1', 3000],
    [39_000, '1', 1000],
  ])
  assert.equal(extender.drop(one), true)
})

test('a later delivery of a held lane is extended for as long as the next job may take', async () => {
  const { extender, calls, pass, track } = extenderOf(undefined, 20_000)
  const lane = [track('a1'), track('a2')]
  extender.hold(lane)
  await pass(16_000)
  const [first, second] = lane
  assert.ok(first && second)
  extender.drop(first)
  extender.hold([second])
  await pass(3000)
  assert.deepEqual(calls.at(-1), [18_000, 'a2', 18_000])
  assert.equal(extender.drop(second), false)
})

test('a delivery that its source does not extend is lost, with a warning; the others are not', async () => {
  const { extender, log, pass, track } = extenderOf((all) =>
    all.map(({ id }) => (id === '1' ? new Error('its receipt is no longer good') : undefined)),
  )
  const held = [track('1'), track('2')]
  extender.hold(held)
  await pass(16_000)
  assert.deepEqual(
    held.map((one) => extender.drop(one)),
    [true, false],
  )
  assert.deepEqual(
    log.lines.map(({ level, fields }) => [level, fields.job]),
    [['warn', '1']],
  )
})

test('a call that fails is made again at half of what is left', async () => {
  let failures = 2
  const { extender, calls, pass, track } = extenderOf((all) => {
    failures -= 1
    if (failures >= 0) throw new Error('no network')
    return all.map(() => undefined)
  })
  const one = track('1')
  extender.hold([one])
  await pass(29_000)
  assert.deepEqual(
    calls.map(([atMs]) => atMs),
    [15_000, 23_000, 27_000],
  )
  assert.equal(extender.drop(one), false)
})

test('a delivery that never expires is none of its business', () => {
  const { clock, extender } = extenderOf()
  const one = delivery('1')
  extender.track([one])
  extender.hold([one])
  assert.deepEqual([clock.timerCount, extender.drop(one)], [0, false])
})
