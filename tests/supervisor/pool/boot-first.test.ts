/** Pools of which some workers boot before the others. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Pool } from '../../../src/supervisor/pool/pool.js'
import type { PoolsHost } from '../../../src/supervisor/pools-host.js'
import { fixtureCommand, poolDefaults, startPool } from '../../helpers/pool.js'
import { eventually } from '../../helpers/wait.js'

async function sharedPool(t: TestContext): Promise<{ readonly host: PoolsHost; readonly pool: Pool }> {
  const shared = { ...poolDefaults, num_workers: 3, command: fixtureCommand('echo') }
  const { host } = await startPool(t, 'echo', { declared: { shared } })
  const pool = host.open('shared', { name: 'first', mode: 'lambda', bootFirst: 1 })
  await pool.whenIdle()
  return { host, pool }
}

/** Also those that boot. */
async function countOf(pool: Pool): Promise<number> {
  return (await pool.workers()).length
}

test('a pool that is also declared boots its first workers, and the others when it is told to', async (t) => {
  const { host, pool } = await sharedPool(t)
  host.openDeclared()
  assert.equal(await countOf(pool), 1)
  pool.bootRest()
  pool.bootRest()
  const boots = await pool.booted
  assert.equal(new Set(boots.map(({ pid }) => pid)).size, 3)
  assert.equal(pool.liveCount, 3)
})

test('the others boot when a plugin that holds none back opens it, not when one asks for it', async (t) => {
  const { host, pool } = await sharedPool(t)
  assert.equal(host.get('shared'), pool)
  assert.equal(await countOf(pool), 1)
  assert.equal(host.open('shared', { name: 'second', mode: 'lambda' }), pool)
  await eventually(() => pool.liveCount === 3)
})

test('they stay held back when a second plugin holds them back, too, and a stop starts none', async (t) => {
  const { host, pool } = await sharedPool(t)
  assert.equal(host.open('shared', { name: 'second', mode: 'lambda', bootFirst: 1 }), pool)
  assert.equal(await countOf(pool), 1)
  await host.stop(0)
  const boots = await pool.booted
  assert.deepEqual(
    boots.map(({ pid, fault }) => [pid !== undefined, fault !== undefined]),
    [
      [true, false],
      [false, true],
      [false, true],
    ],
  )
})

test('a pool that two plugins open in different modes is a fault that names both', async (t) => {
  const { host } = await sharedPool(t)
  assert.throws(() => host.open('shared', { name: 'second', mode: 'http' }), {
    code: 'RR_POOL_MODE',
    message: 'pool "shared" is used by "first" in mode "lambda" and by "second" in mode "http"',
  })
})
