/** A second job in the pipe of a busy worker: what it comes to when the worker answers, dies, is killed, or leaves. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { RelayError } from '../../../../src/core/errors.js'
import { headerCrc } from '../../../../src/ipc/frame.js'
import type { RunOptions } from '../../../../src/supervisor/job.js'
import type { PoolConfig } from '../../../../src/supervisor/pool/keys.js'
import type { JobSink, Lease } from '../../../../src/supervisor/pool/pool.js'
import { handler } from '../../../conformance/pool.js'
import { job, poolDefaults, startPool, type TestPool, textOf } from '../../../helpers/pool.js'
import { eventually } from '../../../helpers/wait.js'

type Step = readonly [context: string, body: string, how?: string]
/** A job that the fixture `numbers` answers with these frames. */
const told = (...steps: readonly Step[]) => job(JSON.stringify(steps))
const own = '{"jobId":JOB}'
const slowly = (ms: number, body: string) => told(['', String(ms), 'block'], [own, body])

interface Pair extends TestPool {
  readonly lease: Lease
  /** Ends in the order in which they came: the name of the job and its answer, its error's code, or `returned`. */
  readonly ends: string[]
  start(first: ReturnType<typeof job>, second: ReturnType<typeof job>, options?: RunOptions): void
  /** Resolves when both have ended. */
  bothEnded(): Promise<void>
}

async function pairOf(
  t: TestContext,
  fixture: string | readonly string[],
  config: Partial<PoolConfig> = {},
): Promise<Pair> {
  const started = await startPool(t, fixture, { config })
  const lease = await started.pool.acquire()
  const ends: string[] = []
  const sinkOf = (name: string): JobSink => ({
    done: (reply) => void ends.push(`${name} ${textOf(reply)}`),
    failed: (error) => void ends.push(`${name} ${error instanceof RelayError ? error.code : error}`),
    returned: () => void ends.push(`${name} returned`),
  })
  return {
    ...started,
    lease,
    ends,
    start: (first, second, options = {}) => {
      const write = lease.joinWrites()
      lease.start(first, options, sinkOf('first'))
      lease.startNext(second, options, sinkOf('second'))
      write()
    },
    bothEnded: () => eventually(() => ends.length === 2),
  }
}

const supervisor = (changes: Partial<PoolConfig['supervisor']>) => ({
  supervisor: { ...poolDefaults.supervisor, ...changes },
})

test('two jobs in one pipe are answered one after the other, and the worker is free after both', async (t) => {
  const { lease, ends, start, bothEnded, pool } = await pairOf(t, 'numbers')
  start(told([own, 'a']), told([own, 'b']))
  lease.release()
  await bothEnded()
  assert.deepEqual(ends, ['first a', 'second b'])
  assert.equal(pool.idleCount, 1)
})

test('there is room for one job behind the running one, unless the worker is about to leave', async (t) => {
  const { lease, start, bothEnded } = await pairOf(t, 'numbers', { max_jobs: 3 })
  assert.equal(lease.hasRoom(true), false)
  lease.start(told([own, 'a']), {}, { done: () => undefined, failed: () => undefined })
  assert.equal(lease.hasRoom(true), true)
  await eventually(() => lease.mayGoOn)
  start(told([own, 'b']), told([own, 'c']))
  assert.equal(lease.hasRoom(true), false)
  await bothEnded()
  const last = await pairOf(t, 'numbers', { max_jobs: 1 })
  last.lease.start(told([own, 'a']), {}, { done: () => undefined, failed: () => undefined })
  assert.equal(last.lease.hasRoom(true), false)
})

test('a worker without job_id has no room where it is needed, nor one for which somebody waits in line', async (t) => {
  const { lease, pool } = await pairOf(t, 'echo')
  lease.start(job('a'), {}, { done: () => undefined, failed: () => undefined })
  assert.deepEqual([lease.hasRoom(true), lease.hasRoom(false)], [false, true])
  const waiting = pool.acquire()
  assert.equal(lease.hasRoom(false), false)
  lease.release()
  await waiting
})

test('a worker that dies in the first job fails that alone; the second is returned', async (t) => {
  const { ends, start, bothEnded } = await pairOf(t, 'numbers')
  start(told(['', '7', 'exit']), told([own, 'b']))
  await bothEnded()
  assert.deepEqual(ends, ['first RR_WORKER_CRASHED', 'second returned'])
})

test('a worker that dies between two jobs, or in the second, fails the second', async (t) => {
  for (const second of [told(['', '0', 'exit']), told(['', '', 'kill'])]) {
    const { ends, start, bothEnded } = await pairOf(t, 'numbers')
    start(told([own, 'a']), second)
    await bothEnded()
    assert.deepEqual(ends, ['first a', 'second RR_WORKER_CRASHED'])
  }
})

test('exec_ttl of the second job counts from the answer to the first', async (t) => {
  const config = supervisor({ exec_ttl: 600 })
  const { ends, start, bothEnded } = await pairOf(t, 'numbers', config)
  start(slowly(400, 'a'), slowly(400, 'b'))
  await bothEnded()
  assert.deepEqual(ends, ['first a', 'second b'])
  const late = await pairOf(t, 'numbers', config)
  late.start(told([own, 'a']), slowly(5000, 'b'))
  await late.bothEnded()
  assert.deepEqual(late.ends, ['first a', 'second RR_WORKER_TIMEOUT'])
})

test('a worker whose first job runs out of time returns the second when it is gone', async (t) => {
  const { ends, start, bothEnded, pool } = await pairOf(
    t,
    'numbers',
    supervisor({ exec_ttl: 100, kill_grace: 0 }),
  )
  start(slowly(5000, 'a'), told([own, 'b']))
  await bothEnded()
  assert.deepEqual(ends, ['first RR_WORKER_TIMEOUT', 'second returned'])
  await eventually(() => pool.liveCount === 1)
})

test('a second job that may have begun after a late answer to the first is not run again', async (t) => {
  // SIGTERM does not end it within the grace: it answers late and goes on to what lies in its pipe.
  const config = supervisor({ exec_ttl: 100, kill_grace: 3000 })
  const { ends, start, bothEnded } = await pairOf(t, 'numbers-late', config)
  start(slowly(400, 'a'), slowly(10_000, 'b'))
  await bothEnded()
  assert.deepEqual(ends, ['first RR_WORKER_TIMEOUT', 'second RR_IPC_BAD_FRAME'])
})

test('a second job does not outlast its deadline while the killed worker ends', async (t) => {
  const { ends, start, bothEnded } = await pairOf(
    t,
    'numbers-late',
    supervisor({ exec_ttl: 100, kill_grace: 5000 }),
  )
  const deadlineMs = Date.now() + 1000
  start(slowly(20_000, 'a'), told([own, 'b']), { deadlineMs })
  await bothEnded()
  assert.deepEqual(ends, ['first RR_WORKER_TIMEOUT', 'second RR_WORKER_TIMEOUT'])
  assert.ok(Date.now() < deadlineMs + 2000)
})

test('a worker that leaves with its first answer returns the second job, or answers it', async (t) => {
  const leave = '{"leave":true,"jobId":JOB}'
  const gone = await pairOf(t, 'numbers')
  gone.start(told([leave, 'a'], ['', '0', 'exit']), told([own, 'b']))
  await gone.bothEnded()
  assert.deepEqual(gone.ends, ['first a', 'second returned'])
  const polite = await pairOf(t, 'numbers')
  polite.start(told([leave, 'a']), told([own, 'b']))
  await polite.bothEnded()
  assert.deepEqual(polite.ends, ['first a', 'second b'])
  await eventually(() => polite.lease.hasRoom(true) === false && polite.pool.liveCount === 1)
})

test('a worker that leaves and then dies of something else fails the second job', async (t) => {
  const { ends, start, bothEnded } = await pairOf(t, 'numbers')
  start(told(['{"leave":true,"jobId":JOB}', 'a']), told(['', '', 'kill']))
  await bothEnded()
  assert.deepEqual(ends, ['first a', 'second RR_WORKER_CRASHED'])
})

test('a worker that asks to leave instead of answering returns both jobs', async (t) => {
  const { ends, start, bothEnded } = await pairOf(t, 'numbers')
  start(told(['{"stop":true,"jobId":JOB}', ''], ['', '0', 'exit']), told([own, 'b']))
  await bothEnded()
  assert.deepEqual(ends, ['first returned', 'second returned'])
})

test('an answer that cannot be read fails both jobs: the second may have begun', async (t) => {
  const { ends, start, bothEnded } = await pairOf(t, 'numbers')
  start(told(['{}', 'a']), slowly(5000, 'b'))
  await bothEnded()
  assert.deepEqual(ends, ['first RR_IPC_BAD_FRAME', 'second RR_IPC_BAD_FRAME'])
})

/** Keeps this process from reading what the worker writes meanwhile: all of it comes in one turn then. */
function sleepNow(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

test('what the second job answers cannot fail the first, whose answer came in the same turn', async (t) => {
  const huge = Buffer.from('1304ffffffff000000000000', 'hex')
  huge.writeUInt32LE(headerCrc(huge, 0), 6)
  for (const second of [told(['{}', 'b']), told(['', huge.toString('hex'), 'bytes'])]) {
    const { ends, start, bothEnded } = await pairOf(t, 'numbers')
    start(told([own, 'a']), second)
    sleepNow(200)
    await bothEnded()
    assert.equal(ends[0], 'first a')
    assert.match(ends[1] ?? '', /^second RR_IPC_(BAD_FRAME|FRAME_TOO_LARGE)$/)
  }
})

test('a second answer to the first job does not count for the second where jobs are numbered', async (t) => {
  const { ends, start, bothEnded, log } = await pairOf(t, 'numbers')
  start(told([own, 'a'], [own, 'again']), told([own, 'b']))
  await bothEnded()
  assert.deepEqual(ends, ['first a', 'second b'])
  assert.ok(log.lines.some(({ message }) => /another job/.test(message)))
})

test('without numbers a worker that answers twice is taken at its word, and replaced', async (t) => {
  const { ends, start, bothEnded, log, pool } = await pairOf(t, 'answers-twice')
  start(job('a'), job('b'))
  await bothEnded()
  assert.deepEqual(ends, ['first one', 'second two'])
  await eventually(() => log.lines.some(({ message }) => /answered without a job/.test(message)))
  await eventually(() => pool.liveCount === 1)
})

test('the answer to the second job in front of that to the first fails both', async (t) => {
  const { ends, start, bothEnded } = await pairOf(t, 'numbers')
  start(told(['{"jobId":2}', 'b'], ['', '5000', 'block']), told([own, 'b']))
  await bothEnded()
  assert.deepEqual(ends, ['first RR_IPC_BAD_FRAME', 'second RR_IPC_BAD_FRAME'])
})

test('a reset and a stop wait for both jobs', async (t) => {
  const reset = await pairOf(t, 'numbers')
  const before = reset.lease.pid
  reset.start(slowly(100, 'a'), slowly(100, 'b'))
  reset.lease.release()
  await reset.pool.reset()
  assert.deepEqual(reset.ends, ['first a', 'second b'])
  assert.notEqual((await reset.pool.workers())[0]?.pid, before)
  const stop = await pairOf(t, 'numbers')
  stop.start(slowly(100, 'a'), slowly(100, 'b'))
  stop.lease.release()
  await stop.pool.stop(10_000)
  assert.deepEqual(stop.ends, ['first a', 'second b'])
})

test('a stop that cannot wait fails the job that runs and returns the second', async (t) => {
  const { ends, start, bothEnded, pool } = await pairOf(t, 'numbers')
  start(slowly(20_000, 'a'), told([own, 'b']))
  await pool.stop(100)
  await bothEnded()
  assert.deepEqual(ends, ['first RR_POOL_STOPPED', 'second returned'])
})

test('a thread is never sent a second job', async (t) => {
  const { lease } = await pairOf(t, [handler('fills-heap')], { runtime: 'thread' })
  lease.start(job('a'), {}, { done: () => undefined, failed: () => undefined })
  assert.equal(lease.hasRoom(false), false)
})
