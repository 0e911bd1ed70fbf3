import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { hasCode } from '../../../src/core/errors.js'
import { fixtureCommand, job, poolDefaults, startPool, type TestPool, textOf } from '../../helpers/pool.js'
import { eventually } from '../../helpers/wait.js'

const { supervisor } = poolDefaults
const watchful = { ...supervisor, watch_tick: 50 }

/** The line that says why a worker was replaced. */
async function replaced({ log }: TestPool) {
  const find = () => log.lines.find(({ message }) => message === 'a worker is replaced')
  await eventually(() => find() !== undefined)
  return find()?.fields ?? {}
}

/** Looks at the pool until `isTrue`; returns the least number of workers that were ready meanwhile. */
async function leastLive({ pool }: TestPool, isTrue: () => boolean | Promise<boolean>): Promise<number> {
  let least = pool.liveCount
  await eventually(async () => {
    least = Math.min(least, pool.liveCount)
    return isTrue()
  })
  return least
}

async function pidOf({ pool }: TestPool): Promise<number> {
  return (await pool.workers()).find(({ state }) => state === 'idle')?.pid ?? 0
}

test('a worker past its ttl is replaced by one that is ready before it leaves', async (t) => {
  const one = await startPool(t, 'who', { config: { supervisor: { ...watchful, ttl: 300 } } })
  await one.pool.booted
  const before = await pidOf(one)
  const least = await leastLive(one, async () => ![before, 0].includes(await pidOf(one)))
  assert.equal(least, 1)
  const { why, isMs, limitMs, pid } = await replaced(one)
  assert.deepEqual([why, limitMs, pid], ['ttl', 300, before])
  assert.ok(Number(isMs) >= 300)
})

test('a worker that has idled since its last job is replaced, one that has had none is not', async (t) => {
  const one = await startPool(t, 'who', {
    config: { num_workers: 2, supervisor: { ...watchful, idle_ttl: 200 } },
  })
  await one.pool.booted
  const used = Number(textOf(await one.pool.run(job('?'))))
  const { why, pid } = await replaced(one)
  assert.deepEqual([why, pid], ['idle_ttl', used])
  await eventually(async () => !(await one.pool.workers()).some((worker) => worker.pid === used))
  assert.equal(one.log.lines.filter(({ message }) => message === 'a worker is replaced').length, 1)
})

for (const where of ['itself', 'child']) {
  test(`a worker that leaks in ${where === 'child' ? 'a child' : where} is replaced after some samples, and no job fails`, async (t) => {
    const config = { supervisor: { ...watchful, max_worker_memory: 250, memory_samples: 3 } }
    const one = await startPool(t, fixtureCommand('leaks', where), { config })
    await one.pool.booted
    const first = textOf(await one.pool.run(job('10')))
    assert.equal(textOf(await one.pool.run(job('300'))), first)
    const { why, isBytes, limitBytes, pid } = await replaced(one)
    assert.deepEqual([why, limitBytes, pid], ['max_memory', 250 * 2 ** 20, Number(first)])
    assert.ok(Number(isBytes) >= 250 * 2 ** 20)
    await eventually(async () => textOf(await one.pool.run(job('0'))) !== first)
  })
}

test('real workers are added while callers wait and given back when they idle', async (t) => {
  const allocator = { max_workers: 2, spawn_rate: 2, idle_timeout: 400, grow_after: 50, cool_down: 50 }
  const one = await startPool(t, 'late', { config: { dynamic_allocator: allocator } })
  await one.pool.booted
  const jobs = Promise.all(Array.from({ length: 9 }, () => one.pool.run(job('200'))))
  await eventually(() => one.pool.liveCount === 3)
  await jobs
  await eventually(() => one.pool.size === 1)
  const messages = one.log.lines.map(({ message }) => message)
  assert.ok(messages.includes('the pool grows: callers wait for its workers'))
  assert.ok(messages.includes('the pool shrinks: workers above its floor idled'))
})

test('a reset to code that does not boot fails and keeps the old worker; mended code is taken', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'rr-code-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const code = join(folder, 'code')
  await writeFile(code, 'good')
  const { pool } = await startPool(t, fixtureCommand('by-file', code))
  await pool.booted
  const before = textOf(await pool.run(job('?')))
  await writeFile(code, 'broken')
  await assert.rejects(pool.reset(), (error) => {
    assert.ok(hasCode(error, 'RR_RESET_FAILED'))
    assert.match(String(error), /1 of 1 old workers stay.*syntax error in the new code/)
    return true
  })
  assert.equal(textOf(await pool.run(job('?'))), before)
  await writeFile(code, 'good')
  await pool.reset()
  assert.notEqual(textOf(await pool.run(job('?'))), before)
})
