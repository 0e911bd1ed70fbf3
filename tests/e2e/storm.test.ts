import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stormRound, troubles } from '../helpers/storm.js'

// A tenth of `npm run bench orphans`.
const rounds = 10

test('a server killed in a storm of kills leaves no process after two seconds', async () => {
  let killed = 0
  for (let seed = 1; seed <= rounds; seed += 1) {
    const round = await stormRound(seed, troubles[seed % troubles.length] ?? 'none')
    assert.deepEqual(round.left, [], `seed ${seed}: ${JSON.stringify(round)}`)
    killed += round.killed
  }
  assert.ok(killed > rounds, `only ${killed} were killed`)
})
