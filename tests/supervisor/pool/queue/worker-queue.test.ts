import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode, hasCode, RelayError } from '../../../../src/core/errors.js'
import type { PoolConfig } from '../../../../src/supervisor/pool/keys.js'
import { WorkerQueue } from '../../../../src/supervisor/pool/queue/worker-queue.js'
import { poolDefaults } from '../../../helpers/pool.js'
import { scriptedWorkers } from '../../../helpers/scripted-workers.js'
import { VirtualTime } from '../../../schedules/virtual-time.js'

/** A queue without a pool around it, and workers that it may be offered. */
async function makeQueue({ count = 3, config = {} }: { count?: number; config?: Partial<PoolConfig> } = {}) {
  const time = new VirtualTime()
  const stop = new AbortController()
  const waits: string[] = []
  const queue = new WorkerQueue({
    pool: 'p',
    config: { ...poolDefaults, ...config },
    clock: time,
    stopped: stop.signal,
    stoppedError: () => new RelayError(ErrorCode.PoolStopped, 'the pool stops'),
    onWait: () => void waits.push('wait'),
  })
  const workers = await scriptedWorkers(time, count)
  return { queue, workers, time, waits, stop }
}

const pidOf = (worker: { readonly pid: number } | undefined) => worker?.pid

test('idle workers are given out in the order in which they became free', async () => {
  const { queue, workers } = await makeQueue()
  for (const worker of workers) queue.offer(worker)
  const taken = [await queue.take({}), await queue.take({}), await queue.take({})]
  assert.deepEqual(taken.map(pidOf), workers.map(pidOf))
  assert.equal(queue.idle.size, 0)
})

test('a worker that is not idle is not offered to anyone', async () => {
  const { queue, workers } = await makeQueue({ count: 1 })
  const [worker] = workers
  assert.ok(worker)
  worker.kill('aborted')
  queue.offer(worker)
  assert.equal(queue.idle.size, 0)
})

test('who comes first is served first, but those in front before them', async () => {
  const { queue, workers, waits } = await makeQueue()
  const served: string[] = []
  const stand = (name: string, front: boolean) => queue.take({ front }).then(() => void served.push(name))
  const all = [stand('first', false), stand('second', false), stand('front', true)]
  assert.equal(waits.length, 3)
  for (const worker of workers) queue.offer(worker)
  await Promise.all(all)
  assert.deepEqual(served, ['front', 'first', 'second'])
})

test('a caller waits until its own limit, its deadline or the pool’s limit, whichever comes first', async () => {
  const { queue, time } = await makeQueue({ config: { allocate_timeout: 3000 } })
  const limits: readonly [waitMsMax: number | undefined, leftMs: number | undefined, expectedMs: number][] = [
    [undefined, undefined, 3000],
    [1000, undefined, 1000],
    [undefined, 500, 500],
    [1000, 2000, 1000],
    [undefined, -5, 0],
  ]
  for (const [waitMsMax, leftMs, expectedMs] of limits) {
    const since = time.nowMs()
    let endedMs: number | undefined
    const end = () => {
      endedMs = time.nowMs() - since
    }
    const deadlineMs = leftMs === undefined ? undefined : since + leftMs
    const waiting = queue.take(waitMsMax === undefined ? {} : { waitMsMax }, deadlineMs)
    waiting.then(end, end)
    await time.run(() => endedMs !== undefined, 10_000)
    await assert.rejects(waiting)
    assert.equal(endedMs, expectedMs)
  }
})

test('whenIdle resolves when so many are idle, without taking one, and when its signal aborts', async () => {
  const { queue, workers } = await makeQueue({ count: 2 })
  const both = queue.whenIdle(undefined, 2)
  for (const worker of workers) queue.offer(worker)
  await both
  assert.equal(queue.idle.size, 2)
  const caller = new AbortController()
  const never = queue.whenIdle(caller.signal, 3)
  caller.abort()
  await never
})

test('one more job than max_queue_size is refused with both numbers', async () => {
  const { queue } = await makeQueue({ config: { max_queue_size: 2 } })
  queue.lend()
  queue.checkRoom()
  queue.lend()
  assert.throws(
    () => queue.checkRoom(),
    (error) =>
      hasCode(error, ErrorCode.PoolQueueFull) && /holds 2 jobs, its max_queue_size is 2/.test(String(error)),
  )
})

test('when the pool stops everyone who waits is told, and nobody can take a worker any more', async () => {
  const { queue, stop } = await makeQueue({ count: 1 })
  const isStopped = (error: unknown) => hasCode(error, ErrorCode.PoolStopped)
  const inLine = queue.take({})
  const forIdle = queue.whenIdle(undefined, 1)
  stop.abort()
  queue.close()
  await assert.rejects(inLine, isStopped)
  await forIdle
  await assert.rejects(queue.take({}), isStopped)
})
