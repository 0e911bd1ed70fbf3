import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Settler } from '../../src/work/settler.js'
import { FaultKind, type Verdict } from '../../src/work/verdict.js'
import { VisibilityExtender } from '../../src/work/visibility-extender.js'
import { delivery } from '../helpers/deliveries.js'
import { recordingLogger } from '../helpers/pool.js'
import { ManualClock } from '../ipc/manual-clock.js'

const retry: Verdict = { kind: 'retry', why: { kind: FaultKind.jobFailed, message: 'not now' } }

test('what stands behind a lost delivery that comes again does not run before it', async () => {
  const clock = new ManualClock()
  const log = recordingLogger()
  const extend = () => Promise.resolve([])
  const extender = new VisibilityExtender({ extend, clock, log, execTtlMs: 60_000 })
  const source = { settle: () => [undefined], release: () => undefined }
  const settler = new Settler({ source, log, extender, onAnswered: () => undefined })
  const lost = delivery('lost', { lane: 'a', expiresAtMs: clock.nowMs() + 1000 })
  const next = delivery('next', { lane: 'a' })
  extender.track([lost])
  clock.advance(2000)
  assert.deepEqual(await settler.inOrder([lost, next], [retry, retry]), [next])
})
