import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stormOfKills, stormOfResets, stormOfSizes } from '../../../bench/storms.js'

// A tenth of what `npm run bench storms` does; each of them throws when something is not as it must be.

for (const [prefetches, how] of [
  [false, ''],
  [true, ', with two jobs in a pipe'],
] as const) {
  test(`fifty resets under load with good, broken and slow code fail no job, only broken is refused${how}`, async () => {
    const { refused, failed, jobs } = await stormOfResets(50, prefetches)
    assert.deepEqual([refused, failed], [17, 0])
    assert.ok(jobs > 100)
  })

  test(`workers killed every 50 ms at full load fail their own jobs at most, and the ledger balances${how}`, async () => {
    const { kills, jobs, returned } = await stormOfKills(120, prefetches)
    assert.equal(kills, 120)
    assert.ok(jobs > 100)
    assert.equal(returned > 0, prefetches)
  })
}

test('a pool that goes from 1 worker to 64 and back again and again has exactly so many each time', async () => {
  assert.equal((await stormOfSizes(6)).booted, 1 + 6 * 63)
})
