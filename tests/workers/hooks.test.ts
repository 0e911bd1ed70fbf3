import assert from 'node:assert/strict'
import { test } from 'node:test'
import { job, startPool, textOf } from '../helpers/pool.js'
import { fixture, missing } from '../helpers/project.js'

const languages = [
  ['node', false, [process.execPath, fixture('sdk', 'hooks.mjs')]],
  ['php', missing('php'), ['php', fixture('sdk', 'hooks.php')]],
  ['python', missing('python3'), ['python3', fixture('sdk', 'hooks.py')]],
] as const

for (const [name, skip, command] of languages) {
  test(`the ${name} SDK calls the hooks of a thaw and a snapshot, in their turn`, { skip }, async (t) => {
    const { pool } = await startPool(t, command)
    await pool.whenIdle()
    assert.equal(pool.tell('thaw', { thaw: { gap_ms: 6000 } }), 1)
    assert.equal(await pool.ask('snapshot', { snapshot: 'before' }), 1)
    assert.equal(await pool.ask('snapshot', { snapshot: 'after' }), 1)
    assert.deepEqual(JSON.parse(textOf(await pool.run(job('')))), ['thaw 6000', 'before', 'after'])
  })

  test(`the ${name} SDK tells of a snapshot hook that failed, and a thaw hook that failed fails no job`, {
    skip,
  }, async (t) => {
    const before = await startPool(t, command, { env: { FAILS: 'before' } })
    await before.pool.whenIdle()
    await assert.rejects(before.pool.ask('snapshot', { snapshot: 'before' }), /before was told to fail/)
    const { pool, line } = await startPool(t, command, { env: { FAILS: 'thaw' } })
    await pool.whenIdle()
    pool.tell('thaw', { thaw: { gap_ms: 6000 } })
    assert.deepEqual(JSON.parse(textOf(await pool.run(job('')))), [])
    assert.match((await line(/thaw failed/i)).text, /thaw was told to fail/)
  })
}
