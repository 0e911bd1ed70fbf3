import { test } from 'node:test'
import { askedSeeds, playSeeds } from './play-seeds.js'

// A tenth of what `npm run bench schedules` plays. RR_TEST_SEED plays one schedule again.
test('whatever happens, nothing is lost, doubled, deleted too early or run out of order', async () => {
  await playSeeds(askedSeeds(process.env, 1000))
})
