import { test } from 'node:test'
import { drawPoolPlan, playPool } from './pool-schedule.js'

// A tenth of what `npm run bench pool-schedules` plays. RR_TEST_SEED plays one schedule again.
const asked = process.env.RR_TEST_SEED
const count = Number(process.env.RR_TEST_SCHEDULES ?? 100)
const firstSeed = asked === undefined ? Number(process.env.RR_TEST_FIRST_SEED ?? 1) : Number(asked)

test('whatever happens to a pool: no lost slot, no open job, no worker too many, nothing left behind', async () => {
  for (let seed = firstSeed; seed < firstSeed + (asked === undefined ? count : 1); seed += 1) {
    const plan = drawPoolPlan(seed)
    try {
      await playPool(plan)
    } catch (error) {
      throw new Error(`RR_TEST_SEED=${seed}: ${String(error)}\n${JSON.stringify(plan)}`, { cause: error })
    }
  }
})
