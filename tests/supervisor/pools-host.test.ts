/** The pools as plugins see them: looking at them boots nothing, and their events end with the plugin. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Codec, definePlugin, type PoolState, Pools } from '../../src/index.js'
import { startServer } from '../../testing/start-server.js'
import { fixtureCommand, job, poolDefaults, startPool } from '../helpers/pool.js'
import { workerText } from '../helpers/rr.js'
import { eventually } from '../helpers/wait.js'

const shared = { ...poolDefaults, command: fixtureCommand('echo') }
const idle = { plugins: [], liveCount: 0, waitingCount: 0, isDegraded: false }

test('a plugin that looks at pools boots nothing, and hears of their workers and jobs', async (t) => {
  const heard: string[] = []
  const seen: (readonly PoolState[])[] = []
  const observer = definePlugin({
    name: 'observer',
    needs: { pools: Pools },
    setup: ({ needs: { pools } }) => {
      pools.on('ready', ({ pool }) => void heard.push(`ready ${pool}`))
      pools.on('assigned', ({ pool, job }) => void heard.push(`assigned ${pool} ${job.id}`))
      pools.on('settled', ({ pool, outcome }) => void heard.push(`settled ${pool} ${outcome.kind}`))
      pools.on('exited', ({ pool, why }) => void heard.push(`exited ${pool} ${why}`))
      assert.deepEqual(pools.names().map(pools.get), [undefined, undefined])
      assert.throws(() => pools.get('other'), { code: 'RR_POOL_UNKNOWN' })
      seen.push(pools.list())
    },
  })
  const server = await startServer({
    plugins: [observer],
    config: {
      server: { command: workerText('echo') },
      pools: { one: { num_workers: 1 }, two: { num_workers: 1 } },
    },
  })
  t.after(() => server.stop())
  const pools = server.service(Pools)
  await pools?.get('one')?.run({ context: '', body: 'x', codec: Codec.raw, id: 'j1' })
  await eventually(() => heard.includes('ready two'))
  assert.deepEqual(seen, [['one', 'two'].map((name) => ({ name, isOpen: false, ...idle }))])
  assert.deepEqual(
    pools?.list(),
    ['one', 'two'].map((name) => ({ name, isOpen: true, ...idle, liveCount: 1 })),
  )
  const jobs = heard.filter((text) => !text.startsWith('ready'))
  assert.deepEqual(jobs, ['assigned one j1', 'settled one reply'])
  await server.stop()
  assert.deepEqual(heard.filter((text) => text.startsWith('exited')).length, 2)
})

test('nothing is heard after the plugin has stopped, or after it stopped listening', async (t) => {
  const { host, pool } = await startPool(t, 'echo', { declared: { shared } })
  const undos: (() => unknown)[] = []
  const heard: string[] = []
  const view = host.forPlugin((undo) => void undos.push(undo))
  const stop = view.on('assigned', (event) => void heard.push(`${event.pool} ${event.job.id}`))
  view.on('settled', (event) => void heard.push(`${event.pool} ${event.outcome.kind}`))
  await pool.run(job('x', 'first'))
  stop()
  await view.open('shared', { name: 'plugin', mode: 'jobs' }).run(job('x', 'second'))
  for (const undo of undos) undo()
  await pool.run(job('x', 'third'))
  assert.deepEqual(heard, ['test first', 'test reply', 'shared reply'])
})

test('pools that the server or a plugin has opened in one mode cannot be opened in another one', async (t) => {
  const { host } = await startPool(t, 'echo', { declared: { shared } })
  host.openDeclared()
  for (const [name, mode] of [
    ['shared', 'jobs'],
    ['test', 'lambda'],
  ] as const) {
    assert.throws(() => host.open(name, { name: 'plugin', mode: 'http' }), { code: 'RR_POOL_MODE' })
    assert.equal(host.open(name, { name: 'plugin', mode }), host.get(name))
  }
})
