/** The PHP SDK on another event loop than its own: AMPHP's, as Debian packages it. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { hasCode } from '../../src/core/errors.js'
import { job, startPool, textOf } from '../helpers/pool.js'
import { fixture } from '../helpers/project.js'
import { eventually } from '../helpers/wait.js'

const hasAmp = spawnSync('php', ['-r', "require 'Amp/autoload.php';"], { stdio: 'ignore' }).status === 0
const skip = !hasAmp && process.env.CI === undefined ? 'php-amphp-amp is not on this machine' : false

test('jobs of a PHP worker wait side by side on AMPHP’s loop, each with its limit and its lines', {
  skip,
}, async (t) => {
  const { pool, line, lines, log } = await startPool(t, ['php', fixture('sdk', 'several-amp.php')])
  await pool.whenIdle()
  const [before] = await pool.workers()
  const bodies = Array.from({ length: 40 }, (_, at) => `wait ${at % 5}`)
  const answers = await Promise.all(bodies.map((body, at) => pool.run(job(body, `job ${at}`))))
  assert.deepEqual(
    answers.map((answer) => `wait ${textOf(answer)}`),
    bodies,
  )
  // A line may come behind its answer: standard error is a pipe of its own.
  await eventually(
    () => lines.filter(({ job: name }) => /^job \d+$/.test(name ?? '')).length === bodies.length,
  )
  const other = pool.run(job('wait 500'))
  const late = pool.run(job('hang', 'slow'), { execTtlMs: 200 })
  await assert.rejects(late, (error) => hasCode(error, 'RR_WORKER_TIMEOUT'))
  assert.equal((await line(/is cancelled/)).job, 'slow')
  await assert.rejects(pool.run(job('throw')), /TypeError: told to/)
  assert.equal(textOf(await other), '500')
  await eventually(() => pool.idleCount === 10)
  assert.equal((await pool.workers())[0]?.pid, before?.pid)
  const last = pool.run(job('wait 100'))
  await eventually(async () => (await pool.workers())[0]?.running === 1)
  await pool.stop(10_000)
  assert.equal(textOf(await last), '100')
  assert.deepEqual(
    log.lines.filter(({ message }) => /killed/.test(message)),
    [],
  )
})
