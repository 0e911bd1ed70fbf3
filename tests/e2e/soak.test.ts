import assert from 'node:assert/strict'
import { test } from 'node:test'
import { soak } from '../../bench/soak.js'

test('a small soak: under a storm of faults nothing is lost, nothing made up, nothing left', async () => {
  const seed = Number(process.env.RR_TEST_SEED ?? 1)
  const result = await soak({ jobs: 3000, seed, stopMsMax: 600, pauseMsMax: 100 })
  const { lost, phantom, strange, left, done, exitCode, failed, faults } = result
  const told = JSON.stringify(result)
  assert.deepEqual(
    { lost, phantom, strange, left, done, exitCode },
    { lost: 0, phantom: 0, strange: 0, left: 0, done: 3000, exitCode: 0 },
    told,
  )
  assert.ok(failed > 0 && Object.keys(faults).length > 3, told)
})
