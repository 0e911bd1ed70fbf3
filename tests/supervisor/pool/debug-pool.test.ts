import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { deferred } from '../../../src/core/deferred.js'
import type { PoolEvents } from '../../../src/supervisor/pool/events.js'
import { fixtureCommand, job, startPool, textOf } from '../../helpers/pool.js'
import { projectFolder } from '../../helpers/project.js'
import { eventually } from '../../helpers/wait.js'

async function debugPool(t: TestContext, command: readonly string[], config: object = {}) {
  const made = await startPool(t, command, { config: { debug: true, num_workers: 2, ...config } })
  const ready: PoolEvents['ready'][] = []
  made.pool.events.on('ready', (event) => void ready.push(event))
  return made
}

const echo = fixtureCommand('echo')

test('a pool in debug mode boots a worker for each job, and keeps none', async (t) => {
  const { pool } = await debugPool(t, echo)
  assert.deepEqual([await pool.booted, await pool.workers(), pool.liveCount, pool.idleCount], [[], [], 2, 2])
  const pids = new Set<number>()
  pool.events.on('exited', ({ worker }) => void pids.add(worker.pid))
  for (const body of ['a', 'b', 'c']) assert.equal(textOf(await pool.run(job(body))), body)
  await eventually(() => pids.size === 3)
  assert.deepEqual(await pool.workers(), [])
})

test('each job runs the code as it is when the job comes', async (t) => {
  const { pool, folder } = await debugPool(t, [process.execPath, 'app.mjs'])
  const write = (answer: string) =>
    writeFile(
      join(folder, 'app.mjs'),
      `import { serve } from '${projectFolder}/dist/workers/node/index.js'\nawait serve(async () => '${answer}')\n`,
    )
  await write('old')
  assert.equal(textOf(await pool.run(job('?'))), 'old')
  await write('new')
  assert.equal(textOf(await pool.run(job('?'))), 'new')
  await writeFile(join(folder, 'app.mjs'), 'throw new Error("a typing mistake")')
  await assert.rejects(pool.run(job('?')), /typing mistake/)
  await write('mended')
  assert.equal(textOf(await pool.run(job('?'))), 'mended')
})

test('as many jobs run at once as num_workers says, and the others wait for their turn', async (t) => {
  const { pool } = await debugPool(t, echo, { queue_timeout: 60_000 })
  const [first, second] = [await pool.acquire(), pool.tryAcquire()]
  assert.ok(second !== undefined)
  assert.deepEqual([pool.tryAcquire(), pool.idleCount], [undefined, 0])
  const third = pool.run(job('third'))
  const idle = pool.whenIdle()
  assert.equal(pool.waitingCount, 1)
  first.release()
  first.release()
  assert.equal(textOf(await third), 'third')
  second.release()
  await idle
  assert.equal(pool.idleCount, 2)
  await pool.resize(3)
  assert.deepEqual([pool.size, pool.idleCount], [3, 3])
})

test('a lease runs its jobs one after the other, each on a worker of its own', async (t) => {
  const { pool } = await debugPool(t, echo)
  const lease = await pool.acquire()
  assert.equal(textOf(await lease.run(job('one'))), 'one')
  const ended = deferred<string>()
  lease.start(job('two'), {}, { done: (reply) => ended.resolve(textOf(reply)), failed: ended.reject })
  assert.equal(await ended.promise, 'two')
  assert.throws(() => lease.start({ ...job('x'), codec: Number.NaN as 0 }, {}, { done() {}, failed() {} }), {
    code: 'RR_JOB_INVALID',
  })
  lease.release()
})

test('a pool in debug mode that stops takes nothing more, and who waits is told', async (t) => {
  const { pool } = await debugPool(t, echo, { num_workers: 1 })
  const lease = await pool.acquire()
  const waiting = pool.run(job('late'))
  const stopped = pool.stop(1000)
  await assert.rejects(waiting, { code: 'RR_POOL_STOPPED' })
  await assert.rejects(pool.acquire(), { code: 'RR_POOL_STOPPED' })
  lease.release()
  await pool.whenIdle()
  await stopped
})
