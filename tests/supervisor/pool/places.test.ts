/** Pools whose workers run several jobs at once: threads, debug pools, control requests, growth, and a storm after which every place is free. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { seededRandom } from '../../../src/core/random.js'
import { job, startPool, type TestPoolOptions, textOf } from '../../helpers/pool.js'
import { fixture } from '../../helpers/project.js'
import { eventually } from '../../helpers/wait.js'

async function start(t: TestContext, options: TestPoolOptions = {}, concurrency = 10) {
  const command = [process.execPath, fixture('sdk', 'several.mjs'), String(concurrency)]
  return startPool(t, command, options)
}

test('a thread runs several jobs at once as a process does', async (t) => {
  const started = await start(t, { config: { runtime: 'thread' } })
  const { pool, line } = started
  await pool.whenIdle()
  assert.equal(pool.placeCount, 10)
  const other = pool.run(job('hold a'))
  await line(/holds a/)
  await assert.rejects(pool.run(job('hang', 'slow'), { execTtlMs: 150 }), /ran \d+ ms/)
  assert.equal((await line(/is cancelled/)).job, 'slow')
  await pool.run(job('open a'))
  assert.equal(textOf(await other), 'a')
})

test('a debug pool boots a worker for each job, however many it could run', async (t) => {
  const { pool } = await start(t, { config: { debug: true, num_workers: 2 } })
  const pids = await Promise.all([pool.run(job('pid')), pool.run(job('pid'))])
  assert.equal(new Set(pids.map(textOf)).size, 2)
})

test('a control request is answered by every idle worker once, between its jobs', async (t) => {
  const { pool } = await startPool(t, [process.execPath, fixture('workers', 'numbers.mjs'), '5'], {
    config: { num_workers: 2 },
  })
  await pool.booted
  assert.equal(pool.idleCount, 10)
  assert.equal(await pool.ask('ask', { question: 1 }), 2)
  assert.equal(pool.idleCount, 10)
})

test('a pool grows when all places are taken, and shrinks by a worker that has no job', async (t) => {
  const started = await start(
    t,
    {
      config: {
        num_workers: 1,
        dynamic_allocator: {
          max_workers: 1,
          spawn_rate: 1,
          grow_after: 10,
          cool_down: 10,
          idle_timeout: 150,
        },
      },
    },
    2,
  )
  const { pool, log } = started
  await pool.whenIdle()
  const runs = Array.from({ length: 4 }, () => pool.run(job('wait 600')))
  await eventually(() => pool.size === 2)
  assert.deepEqual((await Promise.all(runs)).map(textOf), ['600', '600', '600', '600'])
  await eventually(() => pool.size === 1)
  assert.equal(log.lines.filter(({ message }) => /shrinks/.test(message)).length, 1)
})

const seeds = [1, 2]
for (const seed of seeds) {
  test(`after a storm of deaths, time-outs and callers that give up, all places are free (seed ${seed})`, async (t) => {
    const { pool } = await start(t, { config: { num_workers: 2, max_jobs: 40, destroy_timeout: 500 } }, 5)
    await pool.booted
    const random = seededRandom(seed)
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
    const kinds = [
      'wait 1',
      'wait 5',
      'wait 20',
      'throw',
      'hang',
      'die',
      'leave x',
      'stop',
      'deaf',
      'print x',
    ]
    const weights = [30, 20, 20, 6, 4, 1, 1, 1, 1, 10]
    const bag = kinds.flatMap((kind, at) => Array.from({ length: weights[at] ?? 0 }, () => kind))
    let ended = 0
    const count = 150
    const runs = Array.from({ length: count }, async () => {
      const caller = new AbortController()
      const body = pick(bag)
      const isGivenUp = random() < 0.1
      const run = pool.run(job(body), {
        execTtlMs: 60,
        isAlone: random() < 0.03,
        signal: caller.signal,
        waitMsMax: 60_000,
      })
      if (isGivenUp) setTimeout(() => caller.abort(), random() * 30)
      await run.catch(() => undefined)
      ended += 1
    })
    await Promise.all(runs)
    assert.equal(ended, count)
    await eventually(() => pool.idleCount === 10 && pool.placeCount === 10 && pool.busyCount === 0)
    assert.equal(textOf(await pool.run(job('wait 1'))), '1')
  })
}
