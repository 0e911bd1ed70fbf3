import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock } from '../../../src/core/clock.js'
import { hasCode } from '../../../src/core/errors.js'
import { ThreadPool } from '../../../src/supervisor/pool/thread-pool.js'
import { job, poolDefaults, textOf } from '../../helpers/pool.js'

const code = `export default (body, context) => {
  const text = Buffer.from(body).toString()
  if (text === 'throw') throw new TypeError('told to')
  if (text === 'loop') for (;;);
  return { text, id: context.id }
}`

test('JavaScript runs in threads behind the same port: results, errors, time limits, stop', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'rr-threads-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  await writeFile(join(folder, 'handler.mjs'), code)
  const pool = new ThreadPool({
    name: 't',
    size: 2,
    config: poolDefaults,
    words: ['handler.mjs'],
    cwd: folder,
    clock: systemClock,
  })
  t.after(() => pool.stop(0))
  const [boot] = await pool.booted
  assert.equal(boot?.fault, undefined)
  assert.deepEqual(JSON.parse(textOf(await pool.run({ ...job('hi'), context: '{"id":7}' }))), {
    text: 'hi',
    id: 7,
  })
  await assert.rejects(pool.run(job('throw')), (error: Error) => {
    assert.deepEqual(
      [hasCode(error, 'RR_JOB_FAILED'), JSON.parse(error.message).errorType],
      [true, 'TypeError'],
    )
    return true
  })
  const late = pool.run(job('loop'), { deadlineMs: Date.now() + 300 })
  await assert.rejects(late, (error) => hasCode(error, 'RR_WORKER_TIMEOUT'))
  assert.equal(JSON.parse(textOf(await pool.run(job('after')))).text, 'after')
  await pool.stop(0)
  await assert.rejects(pool.acquire(), (error) => hasCode(error, 'RR_POOL_STOPPED'))
})
