import assert from 'node:assert/strict'
import { test } from 'node:test'
import { askedSeeds, playSeeds } from './play-seeds.js'

// A tenth of what `npm run bench schedules` plays. RR_TEST_SEED plays one schedule again.
test('whatever happens, nothing is lost, doubled, deleted too early or run out of order', async () => {
  const asked = askedSeeds(process.env, 1000)
  const { waited } = await playSeeds(asked)
  // Seeds that never let a job wait in a pipe would prove nothing about those.
  assert.ok(asked.count < 100 || waited > asked.count, `only ${waited} jobs waited in a pipe`)
})
