import { test } from 'node:test'
import { drawPlan, play } from './schedule.js'

// A tenth of what `npm run bench schedules` plays. RR_TEST_SEED plays one schedule again.
const asked = process.env.RR_TEST_SEED
const count = Number(process.env.RR_TEST_SCHEDULES ?? 300)
const firstSeed = asked === undefined ? Number(process.env.RR_TEST_FIRST_SEED ?? 1) : Number(asked)

test('whatever happens, nothing is lost, doubled, deleted too early or run out of order', async () => {
  for (let seed = firstSeed; seed < firstSeed + (asked === undefined ? count : 1); seed += 1) {
    const plan = drawPlan(seed)
    try {
      await play(plan)
    } catch (error) {
      throw new Error(`RR_TEST_SEED=${seed}: ${String(error)}\n${JSON.stringify(plan)}`, { cause: error })
    }
  }
})
