import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode, hasCode } from '../../../../src/core/errors.js'
import { scriptedPool } from '../../../helpers/scripted-pool.js'

const slow = { deed: 'done', takesMs: 1000 } as const
const stop = { deed: 'stop', takesMs: 0 } as const

test('jobs of a lease run one after the other on the same worker, which is free after release', async (t) => {
  const { pool, settled, job } = scriptedPool(t, { size: 2 })
  const lease = await settled(pool.acquire())
  await settled(lease.run(job('one')))
  const { pid } = lease
  await settled(lease.run(job('two')))
  assert.equal(lease.pid, pid)
  const idle = pool.idleCount
  lease.release()
  lease.release()
  assert.equal(pool.idleCount, idle + 1)
  assert.equal(lease.pid, undefined)
})

test('a second job at the same time and a job after release are bugs of the caller', async (t) => {
  const { pool, settled, job } = scriptedPool(t, { knobs: { script: () => slow } })
  const lease = await settled(pool.acquire())
  const running = lease.run(job('one'))
  await assert.rejects(lease.run(job('two')), /a second job on a lease/)
  await settled(running)
  lease.release()
  await assert.rejects(lease.run(job('three')), /a job on a released lease/)
})

test('a lease that is released while its job runs keeps the worker until the job has ended', async (t) => {
  const { pool, settled, job } = scriptedPool(t, { knobs: { script: () => slow } })
  const lease = await settled(pool.acquire())
  const running = lease.run(job('one'))
  lease.release()
  assert.equal(pool.tryAcquire(), undefined)
  await settled(running)
  assert.notEqual(pool.tryAcquire(), undefined)
})

test('a worker that asks to leave instead of answering hands its job over to the next one', async (t) => {
  let stops = 2
  const script = () => (stops-- > 0 ? stop : ({ deed: 'done', takesMs: 1 } as const))
  const { pool, settled, job, workers } = scriptedPool(t, { knobs: { script } })
  const lease = await settled(pool.acquire())
  await settled(lease.run(job('one')))
  assert.equal(workers.length, 3)
  assert.equal(lease.pid, workers[2]?.pid)
  lease.release()
})

test('a job that 17 workers in a row will not answer fails instead of going round for ever', async (t) => {
  const { pool, settled, job } = scriptedPool(t, { knobs: { script: () => stop } })
  const lease = await settled(pool.acquire())
  await assert.rejects(
    settled(lease.run(job('one'))),
    (error) =>
      hasCode(error, ErrorCode.JobFailed) && /17 workers of pool "p" asked to leave/.test(String(error)),
  )
  lease.release()
})

test('a job whose caller has given it up is not sent; one that runs costs its worker', async (t) => {
  const { pool, settled, job, workers } = scriptedPool(t, { knobs: { script: () => slow } })
  const lease = await settled(pool.acquire())
  const isAborted = (error: unknown) => hasCode(error, ErrorCode.JobAborted)
  await assert.rejects(lease.run(job('one'), { signal: AbortSignal.abort() }), isAborted)
  assert.equal(workers[0]?.state, 'idle')
  const caller = new AbortController()
  const running = lease.run(job('two'), { signal: caller.signal })
  caller.abort()
  await assert.rejects(settled(running), isAborted)
  assert.ok(workers[0]?.score.isGone)
  lease.release()
})
