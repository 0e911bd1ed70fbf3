import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '../../../src/logging/logger.js'
import { Loop } from '../../../src/plugins/lambda/polling/loop.js'
import { PollGate } from '../../../src/plugins/lambda/polling/poll-gate.js'
import { RuntimeClient } from '../../../src/plugins/lambda/runtime-api/client.js'
import type { Pool } from '../../../src/supervisor/pool/pool.js'
import { fakeLease } from '../../helpers/fake-lease.js'
import { idlePool } from '../../helpers/idle-pool.js'
import { handlerOptions } from '../../helpers/lambda.js'
import { invokeAt } from '../../helpers/rr.js'
import { testApi } from '../../helpers/runtime-api.js'
import { ManualClock } from '../../ipc/manual-clock.js'

test('workers learn of a thaw, with the gap, before the event that woke them, but not of a short wait', async (t) => {
  const gapsMs = [4999, 60_000, 0]
  const clock = new ManualClock()
  const told: object[] = []
  const ran: number[] = []
  const pool: Pool = {
    ...idlePool(1),
    idleCount: 1,
    bootRest: () => undefined,
    tell: (feature, message) => told.push({ feature, ...message }),
    tryAcquire: () =>
      fakeLease({
        run: async (job) => {
          ran.push(told.length)
          return { context: new Uint8Array(), body: Buffer.from(job.body), flags: 4 }
        },
        release: () => undefined,
      }),
  }
  let asked = 0
  const api = await testApi(t, {
    fault: ({ url }) => {
      if (url?.endsWith('/invocation/next') === true) clock.advance(gapsMs[asked++] ?? 0)
      return false
    },
  })
  const client = new RuntimeClient({ address: api.address, userAgent: 'test', clock, log: silentLogger })
  const loop = new Loop({
    flushLog: () => Promise.resolve(),
    isLogWritten: () => true,
    isPipelined: false,
    ...handlerOptions(pool, { clock }),
    client,
    gate: new PollGate(pool, false),
    minReady: 1,
    beforeFirst: async () => undefined,
    tellsThaw: true,
  })
  const stop = new AbortController()
  const serving = loop.serve(stop.signal)
  for (const event of gapsMs) assert.equal((await invokeAt(api.invokeUrl, String(event))).body, String(event))
  assert.deepEqual(told, [{ feature: 'thaw', thaw: { gap_ms: 60_000 } }])
  assert.deepEqual(ran, [0, 1, 1])
  stop.abort()
  await serving
})
