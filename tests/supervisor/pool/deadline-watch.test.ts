import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../../src/core/random.js'
import { DeadlineWatch, type Due } from '../../../src/supervisor/pool/deadline-watch.js'
import { VirtualTime } from '../../schedules/virtual-time.js'

/** A job with a warning and an end, which may be over before either. */
class TwoMarks implements Due {
  readonly reached: number[] = []
  isOver = false
  readonly #marks: readonly [warnAt: number, endAt: number]

  constructor(startAt: number, limitMs: number) {
    this.#marks = [startAt + limitMs * 0.8, startAt + limitMs]
  }

  get marks(): readonly number[] {
    return this.#marks
  }

  get dueAt(): number {
    return this.isOver ? Number.POSITIVE_INFINITY : (this.#marks[this.reached.length] ?? Infinity)
  }

  onDue(now: number): void {
    while (this.dueAt <= now) this.reached.push(now)
  }
}

test('every warning and limit fires once, less than 2 ms late, and never for jobs that end in time', async () => {
  for (let seed = 1; seed <= 40; seed += 1) {
    const random = seededRandom(seed)
    const clock = new VirtualTime()
    const jobs: TwoMarks[] = []
    const watch = new DeadlineWatch({ clock, all: () => jobs })
    let left = 30
    for (let at = 0; at < 30; at += 1) {
      clock.timer(random() * 500, () => {
        const limitMs = 1 + random() * 300
        const one = new TwoMarks(clock.monotonicMs(), limitMs)
        jobs.push(one)
        watch.add(one.dueAt)
        clock.timer(random() * limitMs * 2, () => {
          one.isOver = true
          left -= 1
        })
      })
    }
    const overAt = new Map<TwoMarks, number>()
    await clock.run(() => {
      for (const one of jobs) if (one.isOver && !overAt.has(one)) overAt.set(one, clock.monotonicMs())
      return left === 0
    }, 10_000)
    for (const one of jobs) {
      const endedAt = overAt.get(one) ?? clock.monotonicMs()
      for (const [at, dueAt] of one.marks.entries()) {
        const reachedAt = one.reached[at]
        if (reachedAt === undefined) assert.ok(endedAt < dueAt + 2, `seed ${seed}: a mark was missed`)
        else assert.ok(reachedAt >= dueAt && reachedAt < dueAt + 2, `seed ${seed}: ${reachedAt} for ${dueAt}`)
      }
    }
    watch.close()
  }
})

test('after a freeze both marks are reached at the next turn', async () => {
  const clock = new VirtualTime()
  const one = new TwoMarks(clock.monotonicMs(), 100)
  const watch = new DeadlineWatch({ clock, all: () => [one] })
  watch.add(one.dueAt)
  clock.freeze(60_000)
  await clock.run(() => one.reached.length === 2, 120_000)
  assert.deepEqual(one.reached, [60_000, 60_000])
  watch.close()
})

test('one timer serves all jobs, and a later mark sets none', () => {
  let timers = 0
  const clock = new VirtualTime()
  const counting = {
    nowMs: () => clock.nowMs(),
    monotonicMs: () => clock.monotonicMs(),
    timer: (delayMs: number, run: () => void) => {
      timers += 1
      return clock.timer(delayMs, run)
    },
  }
  const watch = new DeadlineWatch({ clock: counting, all: () => [] })
  for (let at = 100; at < 1100; at += 1) watch.add(at)
  assert.equal(timers, 1)
  watch.close()
})
