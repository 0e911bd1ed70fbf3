import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AwakeClock, lateMsMax, sliceMs } from '../../src/core/awake-clock.js'
import { ManualClock } from '../ipc/manual-clock.js'

/** Time that goes by in small steps, as it does for a process that is awake. */
function live(clock: ManualClock, ms: number): void {
  for (let left = ms; left > 0; left -= 50) clock.advance(Math.min(50, left))
}

test('a timer fires when its time is up, once, and not when it was cleared', () => {
  const inner = new ManualClock()
  const clock = new AwakeClock(inner)
  const fired: string[] = []
  clock.timer(1200, () => fired.push('b'))
  clock.timer(300, () => fired.push('a'))
  clock.timer(400, () => fired.push('never')).clear()
  live(inner, 1150)
  assert.deepEqual(fired, ['a'])
  live(inner, 100)
  assert.deepEqual(fired, ['a', 'b'])
  live(inner, 2 * sliceMs)
  assert.equal(inner.timerCount, 0)
})

test('nothing expires because the process was frozen', () => {
  const inner = new ManualClock()
  const clock = new AwakeClock(inner)
  let hasFired = false
  clock.timer(60_000, () => {
    hasFired = true
  })
  live(inner, 10_000)
  inner.advance(3_600_000)
  assert.equal(hasFired, false)
  assert.ok(Math.abs(clock.frozenMs - 3_600_000) <= sliceMs, String(clock.frozenMs))
  live(inner, 50_000 - 2 * sliceMs)
  assert.equal(hasFired, false)
  live(inner, 3 * sliceMs)
  assert.equal(hasFired, true)
})

test('whatever freezes come, a timer fires after at least its delay of waking time, and not much later', () => {
  const step = fc.record({
    awakeMs: fc.integer({ min: 1, max: 3000 }),
    frozenMs: fc.integer({ min: 0, max: 10_000_000 }),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), fc.integer({ min: 1, max: 20_000 }), (steps, delayMs) => {
      const inner = new ManualClock()
      const clock = new AwakeClock(inner)
      let awakeMs = 0
      let firedAt: number | undefined
      clock.timer(delayMs, () => {
        firedAt ??= awakeMs
      })
      const wake = (ms: number) => {
        for (let left = ms; left > 0; left -= 50) {
          awakeMs += Math.min(50, left)
          inner.advance(Math.min(50, left))
        }
      }
      let freezes = 0
      for (const one of steps) {
        wake(one.awakeMs)
        if (one.frozenMs > lateMsMax + sliceMs) {
          freezes += 1
          inner.advance(one.frozenMs)
        }
      }
      wake(delayMs + (freezes + 2) * 2 * sliceMs)
      assert.ok(firedAt !== undefined, 'it never fired')
      // Each freeze may swallow, or give back, what is left of one slice.
      assert.ok(firedAt >= delayMs - freezes * (sliceMs + 50) - 50, `${firedAt} of ${delayMs}`)
      assert.ok(firedAt <= delayMs + (freezes + 1) * (sliceMs + 100), `${firedAt} of ${delayMs}`)
    }),
    { numRuns: 300 },
  )
})

test('an event that is read before the late timers of a thaw does not lose the time of the freeze', () => {
  const inner = new ManualClock()
  const clock = new AwakeClock(inner)
  clock.timer(60_000, () => undefined)
  live(inner, 100)
  const fired: number[] = []
  // The same turn of the loop brings the event and, behind it, the timers that are late.
  inner.advance(3_600_000, () => {
    const startedAt = clock.monotonicMs()
    clock.timer(1000, () => fired.push(clock.monotonicMs() - startedAt))
  })
  live(inner, 1000 + sliceMs)
  assert.equal(fired.length, 1)
  assert.ok((fired[0] ?? 0) >= 1000 && (fired[0] ?? 0) <= 1000 + 2 * sliceMs, String(fired[0]))
})

test('a deadline that comes from outside counts all time: neither a freeze nor a busy machine moves it', () => {
  const inner = new ManualClock()
  const clock = new AwakeClock(inner)
  const fired: string[] = []
  clock.timer(3000, () => fired.push('ours'))
  clock.timer(3000, () => fired.push('deadline'), { isWall: true })
  live(inner, 500)
  // The processor was somebody else's for 2 s.
  inner.advance(2000)
  live(inner, 500)
  assert.deepEqual(fired, ['deadline'])
  live(inner, 2500)
  assert.deepEqual(fired, ['deadline', 'ours'])
})
