/**
 * Conformance of every pool when workers are late, crash, grow old, are replaced or stopped. The other half of `pool.ts`, for
 * processes and threads alike.
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { job, poolDefaults, type TestPoolOptions, textOf } from '../helpers/pool.js'
import { eventually } from '../helpers/wait.js'
import { faultOf, gate, handler, idsOf, type PoolKind } from './pool.js'

const limits = (supervisor: Partial<typeof poolDefaults.supervisor>) => ({
  supervisor: { ...poolDefaults.supervisor, ...supervisor },
})

/** Registers the tests of workers' lives for one kind of pool. */
export function testPoolLife({ name, start }: PoolKind): void {
  const run = (t: TestContext, file: string, options?: TestPoolOptions) => start(t, [handler(file)], options)

  test(`${name}: a job that overruns exec_ttl costs its worker, even in a processor loop`, async (t) => {
    const { pool } = await run(t, 'loops', { config: limits({ exec_ttl: 300 }) })
    await pool.booted
    const [before] = await idsOf({ pool })
    await assert.rejects(pool.run(job('loop')), faultOf('RR_WORKER_TIMEOUT', /exec_ttl was 300 ms/))
    assert.equal(textOf(await pool.run(job('next'))), 'next')
    await eventually(async () => !(await idsOf({ pool })).some((id) => id === before))
  })

  test(`${name}: a job that overruns its own deadline costs its worker`, async (t) => {
    const { pool } = await run(t, 'loops')
    await pool.booted
    const late = pool.run(job('loop', 'job-1'), { deadlineMs: Date.now() + 300 })
    await assert.rejects(late, faultOf('RR_WORKER_TIMEOUT', /job-1 .*deadline/))
    assert.equal(textOf(await pool.run(job('next'))), 'next')
  })

  test(`${name}: giving a running job up costs its worker`, async (t) => {
    const { pool, line } = await run(t, 'loops')
    const give = new AbortController()
    const running = pool.run(job('loop'), { signal: give.signal })
    await line(/looping/)
    const [before] = await idsOf({ pool })
    give.abort()
    await assert.rejects(running, faultOf('RR_JOB_ABORTED'))
    assert.equal(textOf(await pool.run(job('next'))), 'next')
    await eventually(async () => !(await idsOf({ pool })).some((id) => id === before))
  })

  test(`${name}: a worker that ends itself fails its own job only, with its code and last lines`, async (t) => {
    const { pool, line } = await run(t, 'exits', { config: { num_workers: 2 } })
    await pool.whenIdle(undefined, 2)
    const [failing, other] = [pool.run(job('exit', 'job-1')), pool.run(job('other'))]
    await assert.rejects(failing, faultOf('RR_WORKER_CRASHED', /exit code 3 .*job-1.*last lines: leaving/))
    assert.equal(textOf(await other), 'other')
    assert.equal((await line(/leaving/)).job, 'job-1')
    await pool.whenIdle(undefined, 2)
  })

  test(`${name}: an error that nobody caught ends the worker, and the job’s fault tells it`, async (t) => {
    const { pool } = await run(t, 'uncaught')
    for (const _ of [1, 2]) {
      const fault = faultOf('RR_WORKER_CRASHED', /exit code [17] .*nobody caught this/)
      await assert.rejects(pool.run(job('?')), fault)
    }
  })

  test(`${name}: a recursion without an end fails its job and keeps the worker`, async (t) => {
    const { pool } = await run(t, 'recurses')
    await pool.booted
    const before = await idsOf({ pool })
    await assert.rejects(pool.run(job('?')), faultOf('RR_JOB_FAILED', /RangeError.*call stack/))
    assert.deepEqual(await idsOf({ pool }), before)
  })

  test(`${name}: a worker that asks to leave instead of answering is replaced and the job goes on`, async (t) => {
    const { path } = await gate(t)
    const { pool } = await start(t, [handler('leaves'), path])
    await pool.booted
    const [before] = await idsOf({ pool })
    assert.equal(textOf(await pool.run(job('served'))), 'served')
    await eventually(async () => !(await idsOf({ pool })).some((id) => id === before))
  })

  test(`${name}: a worker that leaves with its answer is replaced, and its job number is not passed on`, async (t) => {
    const { pool, log } = await run(t, 'leaves-after')
    await pool.booted
    const seen: string[] = []
    for (const body of ['stay', 'leave', 'stay']) {
      const { who, values } = JSON.parse(textOf(await pool.run(job(body))))
      assert.deepEqual(values, {})
      seen.push(who)
    }
    assert.deepEqual([seen[0] === seen[1], seen[1] === seen[2]], [true, false])
    assert.deepEqual(
      log.lines.filter(({ level }) => level === 'warn' || level === 'error'),
      [],
    )
  })

  test(`${name}: a worker is replaced after max_jobs and no job is lost meanwhile`, async (t) => {
    const { pool } = await run(t, 'who', { config: { max_jobs: 2 } })
    const seen: string[] = []
    for (let at = 0; at < 6; at += 1) seen.push(textOf(await pool.run(job('?'))))
    assert.equal(new Set(seen).size, 3, seen.join(' '))
  })

  test(`${name}: a worker that is older than ttl is replaced, and the log says so`, async (t) => {
    const { pool, log } = await run(t, 'who', { config: limits({ ttl: 50, watch_tick: 20 }) })
    const first = textOf(await pool.run(job('?')))
    await eventually(async () => textOf(await pool.run(job('?'))) !== first)
    assert.ok(log.lines.some(({ fields }) => fields.why === 'ttl' && fields.limitMs === 50))
  })

  test(`${name}: a worker over max_worker_memory is replaced once it is free`, async (t) => {
    const { pool, log } = await run(t, 'hoards', {
      config: limits({ max_worker_memory: 200, watch_tick: 20 }),
    })
    const counts: number[] = []
    await eventually(async () => {
      counts.push(Number(textOf(await pool.run(job('?')))))
      return counts.filter((count) => count === 1).length === 2
    })
    const line = log.lines.find(({ fields }) => fields.why === 'max_memory')
    assert.equal(line?.fields.limitBytes, 200 * 2 ** 20)
  })

  test(`${name}: a pool with an allocator grows for those who wait`, async (t) => {
    const allocator = { max_workers: 1, spawn_rate: 1, idle_timeout: 60_000, grow_after: 10, cool_down: 10 }
    const { pool } = await run(t, 'who', { config: { dynamic_allocator: allocator } })
    const held = await pool.acquire()
    const grown = await pool.acquire()
    assert.equal(pool.size, 2)
    assert.notEqual(textOf(await held.run(job('?'))), textOf(await grown.run(job('?'))))
    held.release()
    grown.release()
  })

  test(`${name}: a reset replaces every worker, one after the other, and no job fails`, async (t) => {
    const { pool } = await run(t, 'who', { config: { num_workers: 2 } })
    await pool.booted
    const before = await idsOf({ pool })
    let isOver = false
    const load = (async () => {
      while (!isOver) await pool.run(job('?'))
    })()
    await pool.reset()
    isOver = true
    await load
    const after = await idsOf({ pool })
    assert.deepEqual([after.length, after.filter((id) => before.includes(id))], [2, []])
  })

  test(`${name}: a reset onto broken code keeps the old workers and says why; one onto good code works`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'rr-code-'))
    t.after(() => rm(folder, { recursive: true, force: true }))
    const file = join(folder, 'handler.mjs')
    await writeFile(file, 'export default () => "one"')
    const { pool } = await start(t, [file], { config: { num_workers: 2 } })
    await pool.booted
    const before = await idsOf({ pool })
    await writeFile(file, 'throw new RangeError("half an edit")')
    await assert.rejects(pool.reset(), faultOf('RR_RESET_FAILED', /2 of 2 old workers stay.*half an edit/))
    assert.deepEqual(await idsOf({ pool }), before)
    assert.equal(textOf(await pool.run(job('?'))), 'one')
    await writeFile(file, 'export default () => "two"')
    await pool.reset()
    for (const _ of [1, 2]) assert.equal(textOf(await pool.run(job('?'))), 'two')
  })

  test(`${name}: a module that does not load is a boot fault with its text and stack`, async (t) => {
    const { pool } = await run(t, 'fails-to-load')
    const [boot] = await pool.booted
    assert.ok(boot?.fault !== undefined)
    faultOf('RR_WORKER_BOOT', /exit code 1.*RangeError: no settings here/)(boot.fault)
    assert.ok(
      boot.lastLines.some((text) => /fails-to-load\.mjs:2/.test(text)),
      boot.lastLines.join('\n'),
    )
    assert.ok(pool.bootLines().some((text) => text.includes('no settings here')))
    assert.equal(pool.liveCount, 0)
  })

  test(`${name}: a pool whose workers keep falling is degraded and says why`, async (t) => {
    const config = { crash_loop: { deaths: 1, within: 60_000 } }
    const { pool } = await run(t, 'exits', { config })
    assert.deepEqual([pool.health.isDegraded, pool.health.recentDeaths], [false, 0])
    for (const _ of [1, 2, 3]) await assert.rejects(pool.run(job('exit')), faultOf('RR_WORKER_CRASHED'))
    await eventually(() => pool.health.isDegraded)
    assert.match(pool.health.why ?? '', /ended by itself/)
    assert.equal(textOf(await pool.run(job('still served'))), 'still served')
  })

  test(`${name}: a job that others must be protected from runs on a worker of its own`, async (t) => {
    const { pool } = await run(t, 'who')
    const own = textOf(await pool.run(job('?')))
    const alone = textOf(await pool.runAlone(job('?')))
    assert.notEqual(alone, own)
    assert.equal(textOf(await pool.run(job('?'))), own)
    await eventually(async () => (await pool.workers()).length === 1)
  })

  test(`${name}: a stop lets the running job end, then nobody is left and nobody is served`, async (t) => {
    const { pool, line } = await run(t, 'holds', { config: { num_workers: 2 } })
    const { path, open } = await gate(t)
    const running = pool.run(job(path))
    await line(/holding/)
    const stopped = pool.stop(60_000)
    assert.equal(pool.isStopping, true)
    await assert.rejects(pool.acquire(), faultOf('RR_POOL_STOPPED'))
    await open()
    assert.equal(textOf(await running), 'held')
    await stopped
    assert.deepEqual([await pool.workers(), pool.liveCount], [[], 0])
  })

  test(`${name}: a stop sends those away who wait, and kills what is left after its time`, async (t) => {
    const { pool, line } = await run(t, 'loops')
    const running = pool.run(job('loop'))
    await line(/looping/)
    const [waiting, idle] = [pool.acquire(), pool.whenIdle()]
    const ends = Promise.all([
      assert.rejects(waiting, faultOf('RR_POOL_STOPPED')),
      assert.rejects(running, faultOf('RR_POOL_STOPPED', /50 ms that destroy_timeout left/)),
    ])
    await pool.stop(50)
    await ends
    await idle
    assert.deepEqual(await pool.workers(), [])
  })

  test(`${name}: kill fails the running job at once and leaves nobody`, async (t) => {
    const { pool, line } = await run(t, 'loops', { config: { num_workers: 2 } })
    const running = pool.run(job('loop'))
    await line(/looping/)
    pool.kill()
    await assert.rejects(running, faultOf('RR_POOL_STOPPED'))
    await eventually(async () => (await pool.workers()).length === 0)
  })
}
