import assert from 'node:assert/strict'
import { test } from 'node:test'
import { definePlugin } from '../../../../src/supervisor/plugins/definition.js'
import { Pools } from '../../../../src/supervisor/services.js'
import { startServer } from '../../../../testing/start-server.js'
import { fixtureCommand, startPool } from '../../../helpers/pool.js'
import { scriptedPool } from '../../../helpers/scripted-pool.js'
import { eventually } from '../../../helpers/wait.js'

test('a pool grows at once, and gives idle workers back before busy ones, which end their job', async (t) => {
  const { pool, knobs, until, settled, job } = scriptedPool(t, { size: 2 })
  await until(() => pool.idleCount === 2)
  await pool.resize(4)
  assert.equal(pool.size, 4)
  await until(() => pool.idleCount === 4)
  knobs.script = () => ({ deed: 'done', takesMs: 500 })
  const jobs = ['a', 'b'].map((id) => pool.run(job(id)))
  await until(() => pool.busyCount === 2)
  await settled(pool.resize(2))
  assert.deepEqual([pool.size, pool.idleCount, pool.busyCount], [2, 0, 2])
  await settled(pool.resize(1))
  assert.equal(pool.size, 1)
  assert.deepEqual((await settled(Promise.all(jobs))).length, 2)
  await until(() => pool.idleCount === 1)
  assert.equal(pool.liveCount, 1)
})

test('places whose worker boots, or does not boot, are given back first', async (t) => {
  const { pool, knobs, until, settled } = scriptedPool(t, { size: 1 })
  await until(() => pool.idleCount === 1)
  knobs.failsBoot = true
  await pool.resize(3)
  await until(() => pool.health.recentDeaths > 0)
  knobs.failsBoot = false
  await settled(pool.resize(1))
  assert.deepEqual([pool.size, pool.idleCount, pool.liveCount], [1, 1, 1])
  await pool.resize(3)
  await settled(pool.resize(1))
  await until(() => pool.idleCount === 1)
  assert.deepEqual([pool.size, pool.liveCount], [1, 1])
})

test('a resize during a reset ends with the size of the last one', async (t) => {
  const { pool, until, settled } = scriptedPool(t, { size: 3 })
  await until(() => pool.idleCount === 3)
  const reset = pool.reset()
  const resizes = Promise.all([pool.resize(1), pool.resize(2)])
  await settled(Promise.all([reset, resizes]))
  await until(() => pool.idleCount === 2)
  assert.deepEqual([pool.size, pool.liveCount], [2, 2])
})

test('an autoscaler counts from the new size', async (t) => {
  const dynamic_allocator = {
    max_workers: 2,
    spawn_rate: 2,
    idle_timeout: 1000,
    grow_after: 10,
    cool_down: 10,
  }
  const { pool, knobs, until, settled, job, pass } = scriptedPool(t, {
    size: 1,
    config: { dynamic_allocator },
  })
  await until(() => pool.idleCount === 1)
  await pool.resize(3)
  await until(() => pool.idleCount === 3)
  knobs.script = () => ({ deed: 'done', takesMs: 300 })
  await settled(Promise.all(Array.from({ length: 20 }, (_, at) => pool.run(job(`j${at}`)))))
  assert.equal(pool.size, 5)
  await pass(10_000)
  assert.equal(pool.size, 3)
})

test('a pool that stops is not resized, and one of real processes is', async (t) => {
  const { pool, host } = await startPool(t, 'echo', { config: { num_workers: 1 } })
  await pool.booted
  await host.resize('test', 2)
  await eventually(() => pool.idleCount === 2)
  await host.resize('test', 1)
  await eventually(async () => (await pool.workers()).length === 1)
  for (const size of [0, -1, 1.5, 2049, Number.NaN])
    await assert.rejects(host.resize('test', size), {
      code: 'RR_POOL_SIZE',
      message: `pool "test" cannot have ${size} workers`,
    })
  await assert.rejects(host.resize('other', 2), { code: 'RR_POOL_UNKNOWN' })
  await host.stop(0)
  await assert.rejects(host.resize('test', 2), { code: 'RR_POOL_STOPPED' })
})

test('clients of RoadRunner add and remove workers by RPC, one at a time and never the last', async (t) => {
  const server = await startServer({
    config: { server: { command: fixtureCommand('echo') }, pools: { web: { num_workers: 1 } } },
  })
  t.after(() => server.stop())
  const count = async () => Object(await server.rpc('informer.Workers', 'web')).workers.length
  assert.equal(await server.rpc('informer.AddWorker', 'web'), true)
  await eventually(async () => (await count()) === 2)
  assert.equal(await server.rpc('informer.RemoveWorker', 'web'), true)
  await eventually(async () => (await count()) === 1)
  await assert.rejects(server.rpc('informer.RemoveWorker', 'web'), /pool "web" cannot have 0 workers/)
  await assert.rejects(server.rpc('informer.AddWorker', 'wep'), /there is no pool "wep" \(pools: web\)/)
  const actions = server.lines.filter(({ message }) => message === 'control action')
  assert.equal(actions.length, 4)
})

test('clients of RoadRunner find the workers of a plugin by its name, also in a pool that it shares', async (t) => {
  const plugin = definePlugin({
    name: 'jobs-like',
    needs: { pools: Pools },
    setup: ({ needs }) => void needs.pools.open('web', { name: 'jobs-like', mode: 'jobs' }),
  })
  const server = await startServer({
    plugins: [plugin],
    config: {
      server: { command: fixtureCommand('echo') },
      pools: { web: { num_workers: 1 }, rest: { num_workers: 1 } },
    },
  })
  t.after(() => server.stop())
  assert.deepEqual(await server.rpc('informer.List'), ['web', 'rest', 'jobs-like'])
  assert.deepEqual(await server.rpc('resetter.List'), ['web', 'rest'])
  const pids = async (name: string) =>
    Object(await server.rpc('informer.Workers', name)).workers.map(({ pid }: { pid: number }) => pid)
  assert.deepEqual(await pids('jobs-like'), await pids('web'))
  const before = await pids('web')
  assert.equal(await server.rpc('resetter.Reset', 'jobs-like'), true)
  assert.notDeepEqual(await pids('web'), before)
})
