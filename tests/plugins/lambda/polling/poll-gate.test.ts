import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { seededRandom } from '../../../../src/core/random.js'
import { PollGate } from '../../../../src/plugins/lambda/polling/poll-gate.js'
import { idlePool } from '../../../helpers/idle-pool.js'

test('together, pollers ask for no more events than workers are ready, and for no fewer', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer(),
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 2, max: 8 }),
      async (seed, workers, pollers) => {
        const random = seededRandom(seed)
        const pool = idlePool(0)
        const gate = new PollGate(pool, true)
        const stop = new AbortController()
        const turn = () => new Promise((resolve) => setImmediate(resolve))
        const asking: (() => void)[] = []
        let handled = 0
        const poll = async () => {
          while (!stop.signal.aborted) {
            await gate.enter(stop.signal)
            if (stop.signal.aborted) return
            assert.ok(gate.asking <= pool.idleCount, `${gate.asking} ask for ${pool.idleCount} workers`)
            await new Promise<void>((resolve) => asking.push(resolve))
            pool.take()
            gate.leave()
            await turn()
            handled += 1
            pool.give()
            gate.wake()
          }
        }
        const all = Array.from({ length: pollers }, poll)
        // Workers boot one after the other; each lets one more poller ask.
        for (let ready = 1; ready <= workers; ready += 1) {
          pool.give()
          for (let turns = 0; turns < 3; turns += 1) await turn()
          assert.equal(asking.length, Math.min(ready, pollers))
        }
        for (let events = 0; events < 30; events += 1) {
          asking.splice(Math.floor(random() * asking.length), 1)[0]?.()
          for (let turns = Math.floor(random() * 4); turns > 0; turns -= 1) await turn()
        }
        for (let turns = 0; turns < 8; turns += 1) await turn()
        assert.equal(asking.length, Math.min(workers, pollers))
        assert.ok(handled > 0)
        stop.abort()
        for (const resolve of asking.splice(0)) resolve()
        pool.give()
        await Promise.all(all)
      },
    ),
    { numRuns: 100 },
  )
})

test('a poller that is alone may ask before a worker is ready: Lambda waits for it to ask', async () => {
  const gate = new PollGate(idlePool(0), false)
  await gate.enter(new AbortController().signal)
  assert.equal(gate.asking, 1)
})
