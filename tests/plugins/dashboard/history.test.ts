import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../../src/core/clock.js'
import { History, slotMs, slotsMax } from '../../../src/plugins/dashboard/history.js'

/** A history whose slots end when the test says so. */
function scripted() {
  const totals = { pool: 'jobs', jobs: 100, failed: 5, waiting: 0, busy: 0 }
  let endSlot = () => assert.fail('no slot has begun')
  const time = { ms: 0 }
  const clock = {
    ...systemClock,
    monotonicMs: () => time.ms,
    timer: (delayMs: number, run: () => void) => {
      assert.equal(delayMs, slotMs)
      endSlot = run as () => never
      return { clear: () => undefined }
    },
  }
  let took: ((pool: string, tookMs: number) => void) | undefined
  const latencies = (listener: (pool: string, tookMs: number) => void) => {
    took = listener
    return () => {
      took = undefined
    }
  }
  const history = new History({ live: { totals: () => [totals], latencies }, clock })
  return {
    history,
    totals,
    isMeasuring: () => took !== undefined,
    endSlot: () => endSlot(),
    time,
    job: (tookMs: number) => took?.('jobs', tookMs),
  }
}

test('a slot has the jobs and failures since the one before, and quantiles of their latency', () => {
  const { history, totals, endSlot, job } = scripted()
  for (const tookMs of [...Array(90).fill(10), ...Array(10).fill(1000)]) job(tookMs)
  Object.assign(totals, { jobs: 200, failed: 7, waiting: 3 })
  endSlot()
  endSlot()
  const [pool] = history.document().pools
  assert.deepEqual(
    [pool?.jobs, pool?.failed, pool?.waiting],
    [
      [100, 0],
      [2, 0],
      [3, 3],
    ],
  )
  const [p50 = 0, none] = pool?.p50 ?? []
  assert.ok(p50 !== null && p50 >= 10 && p50 < 12, `${p50}`)
  assert.equal(none, null)
  const [p95 = 0] = pool?.p95 ?? []
  assert.ok(p95 !== null && p95 >= 1000 && p95 < 1190, `${p95}`)
})

test('an hour is kept and no more, the oldest slot first', () => {
  const { history, totals, endSlot, isMeasuring } = scripted()
  for (let slot = 1; slot <= slotsMax + 5; slot += 1) {
    totals.jobs += slot
    endSlot()
  }
  const [pool] = history.document().pools
  assert.deepEqual([pool?.jobs.length, pool?.jobs[0], pool?.jobs.at(-1)], [slotsMax, 6, slotsMax + 5])
  history.close()
  assert.equal(isMeasuring(), false)
})

test('after half a second and a hundred jobs no further job of the slot is measured', () => {
  const { endSlot, isMeasuring, job, time } = scripted()
  for (let n = 0; n < 200; n += 1) job(1)
  assert.equal(isMeasuring(), true)
  time.ms = 500
  job(1)
  assert.equal(isMeasuring(), false)
  endSlot()
  for (let n = 0; n < 99; n += 1) job(1)
  time.ms = 5000
  assert.equal(isMeasuring(), true)
  job(1)
  assert.equal(isMeasuring(), false)
})
