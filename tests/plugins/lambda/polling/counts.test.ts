import assert from 'node:assert/strict'
import { createHook } from 'node:async_hooks'
import { existsSync, readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { systemClock } from '../../../../src/core/clock.js'
import { silentLogger } from '../../../../src/logging/logger.js'
import { Loop } from '../../../../src/plugins/lambda/polling/loop.js'
import { PollGate } from '../../../../src/plugins/lambda/polling/poll-gate.js'
import { RuntimeClient } from '../../../../src/plugins/lambda/runtime-api/client.js'
import { handlerOptions } from '../../../helpers/lambda.js'
import { startPool } from '../../../helpers/pool.js'
import { wireApi } from '../../../helpers/wire-api.js'

// Counts do not depend on the machine; times would. The smallest of some windows counts: compilers and the test runner, which are in this
// process, too, wake their threads by writes and make promises of their own.
const windows = 10
const counted = 200
const ioFile = '/proc/self/io'

/** System calls that wrote, of this process. */
function writeCount(): number {
  if (!existsSync(ioFile)) return 0
  return Number(/^syscw: (\d+)$/m.exec(readFileSync(ioFile, 'utf8'))?.[1])
}

/** Promises and writes an event, of the server alone: the API, which is in this process, too, writes twice. */
async function countsPerEvent(t: TestContext, isPipelined: boolean) {
  const { pool } = await startPool(t, 'echo')
  const api = await wireApi(t)
  let promises = 0
  const hook = createHook({
    init: (_id, type) => {
      if (type === 'PROMISE') promises += 1
    },
  })
  t.after(() => hook.disable())
  let seen = 0
  let writesBefore = 0
  const least = { promises: Number.POSITIVE_INFINITY, writes: Number.POSITIVE_INFINITY }
  const found = new Promise<typeof least>((resolve) => {
    api.react = () => {
      if (seen % counted === 0) {
        hook.disable()
        if (seen > 0) {
          least.promises = Math.min(least.promises, promises / counted)
          least.writes = Math.min(least.writes, (writeCount() - writesBefore) / counted - 2)
        }
        if (seen === windows * counted) resolve(least)
        promises = 0
        writesBefore = writeCount()
        if (seen < windows * counted) hook.enable()
      }
      seen += 1
      api.hand(`id${seen}`)
      return { status: '202 Accepted' }
    }
  })
  const client = new RuntimeClient({
    address: api.address,
    userAgent: 't',
    clock: systemClock,
    log: silentLogger,
  })
  const loop = new Loop({
    ...handlerOptions(pool),
    client,
    gate: new PollGate(pool, false),
    flushLog: () => Promise.resolve(),
    isLogWritten: () => true,
    minReady: 1,
    beforeFirst: async () => undefined,
    tellsThaw: false,
    isPipelined,
  })
  const stop = new AbortController()
  const serving = loop.serve(stop.signal)
  api.hand('first')
  const counts = await found
  stop.abort()
  await serving
  return counts
}

for (const [isPipelined, writesMax] of [
  [false, 3],
  [true, 2],
] as const) {
  test(`an event takes 4 promises and ${writesMax} writes at most${isPipelined ? ' with pipelining' : ''}`, async (t) => {
    const { promises, writes } = await countsPerEvent(t, isPipelined)
    t.diagnostic(`${promises} promises, ${writes} writes`)
    assert.ok(promises <= 4, `${promises} promises`)
    // Less than one write in ten is another's, such as a wake-up between threads.
    assert.ok(writes <= writesMax + 0.1, `${writes} writes`)
  })
}
