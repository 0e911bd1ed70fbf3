import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode, hasCode } from '../../../../src/core/errors.js'
import type { JobSink } from '../../../../src/supervisor/pool/pool.js'
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

test('when a job ends by callback, its worker is free: the caller may send the next one or give it back', async (t) => {
  const { pool, until, settled, job, knobs } = scriptedPool(t)
  knobs.script = (id) => ({ deed: id === 'two' ? 'error' : 'done', takesMs: 1 })
  const lease = await settled(pool.acquire())
  const ends: string[] = []
  const sink: JobSink = {
    done: () => {
      ends.push('done')
      lease.start(job('two'), {}, sink)
    },
    failed: (error) => {
      lease.release()
      ends.push(hasCode(error, ErrorCode.JobFailed) ? 'failed' : String(error), `${pool.idleCount} idle`)
    },
  }
  lease.start(job('one'), {}, sink)
  await until(() => ends.length === 3)
  assert.deepEqual(ends, ['done', 'failed', '1 idle'])
})

test('a worker that was killed for its job is not given to anybody by the callback that ends the job', async (t) => {
  const { pool, until, settled, job, time } = scriptedPool(t, { knobs: { script: () => slow } })
  const lease = await settled(pool.acquire())
  const idle: number[] = []
  const failed = (error: Error) => {
    assert.ok(hasCode(error, ErrorCode.WorkerTimeout))
    lease.release()
    idle.push(pool.idleCount)
  }
  lease.start(job('one'), { deadlineMs: time.nowMs() + 50 }, { done: () => assert.fail('late'), failed })
  await until(() => idle.length === 1)
  assert.deepEqual(idle, [0])
})

test('a callback may begin a job on another worker whose limit comes first, and that limit holds', async (t) => {
  const { pool, until, settled, job, time } = scriptedPool(t, { size: 3, knobs: { script: () => slow } })
  await settled(pool.whenIdle(undefined, 3))
  const [first, second, third] = [pool.tryAcquire(), pool.tryAcquire(), pool.tryAcquire()]
  assert.ok(first && second && third)
  const endedAt: number[] = []
  const startedAt = time.nowMs()
  const sink = (then: () => void = () => undefined): JobSink => ({
    done: () => assert.fail('late'),
    failed: () => {
      endedAt.push(time.nowMs() - startedAt)
      then()
    },
  })
  third.start(job('long'), { deadlineMs: startedAt + 900 }, sink())
  // The other worker has been asked before this one in the same round.
  const then = () => first.start(job('two'), { deadlineMs: startedAt + 100 }, sink())
  second.start(job('one'), { deadlineMs: startedAt + 50 }, sink(then))
  await until(() => endedAt.length === 3)
  assert.deepEqual(endedAt, [50, 100, 900])
})

test('a job that is refused is refused by an exception, and tells nobody', async (t) => {
  const { pool, settled, job, time } = scriptedPool(t)
  const lease = await settled(pool.acquire())
  const never = () => assert.fail('it was never begun')
  const sink = { done: never, failed: never }
  const isLate = (error: unknown) => hasCode(error, ErrorCode.WorkerTimeout)
  assert.throws(() => lease.start(job('one'), { deadlineMs: time.nowMs() - 1 }, sink), isLate)
  lease.release()
  assert.throws(() => lease.start(job('two'), {}, sink), /a job on a released lease/)
})
