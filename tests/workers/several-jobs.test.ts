/** The SDKs' workers that run several jobs at once: each language keeps its jobs apart, cancels them, and ends in order. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { hasCode, RelayError } from '../../src/core/errors.js'
import { job, startPool, type TestPoolOptions, textOf } from '../helpers/pool.js'
import { fixture, missing } from '../helpers/project.js'
import { eventually } from '../helpers/wait.js'

const languages: readonly (readonly [name: string, program: string, file: string, skip: string | false])[] = [
  ['node', process.execPath, 'several.mjs', false],
  ['python', 'python3', 'several.py', missing('python3')],
  ['php', 'php', 'several.php', missing('php')],
]

for (const [name, program, file, skip] of languages) {
  const start = async (t: TestContext, options: TestPoolOptions = {}) => {
    const started = await startPool(t, [program, fixture('sdk', file), '10'], options)
    await started.pool.whenIdle()
    return started
  }

  for (const relay of ['fifo', 'unix://FOLDER/relay.sock']) {
    test(`the ${name} SDK runs jobs at once over ${relay}, and answers each when it is done`, {
      skip,
    }, async (t) => {
      const { pool } = await start(t, { relay })
      assert.equal(pool.placeCount, 10)
      const order: string[] = []
      const runs = ['b', 'a'].map(async (gate) => order.push(textOf(await pool.run(job(`hold ${gate}`)))))
      await pool.run(job('open a'))
      await runs[1]
      await pool.run(job('open b'))
      await runs[0]
      assert.deepEqual(order, ['a', 'b'])
      const bodies = Array.from({ length: 100 }, (_, at) => `wait ${1 + (at % 7)}`)
      const answers = await Promise.all(bodies.map((body) => pool.run(job(body))))
      assert.deepEqual(
        answers.map((answer) => `wait ${textOf(answer)}`),
        bodies,
      )
    })
  }

  test(`the ${name} SDK cancels one job, and the worker goes on with the others`, { skip }, async (t) => {
    const { pool, line } = await start(t)
    const [before] = await pool.workers()
    const other = pool.run(job('hold a'))
    const late = pool.run(job('hang', 'slow'), { execTtlMs: 300 })
    await assert.rejects(late, (error) => hasCode(error, 'RR_WORKER_TIMEOUT'))
    assert.equal((await line(/is cancelled/)).job, 'slow')
    await pool.run(job('open a'))
    assert.equal(textOf(await other), 'a')
    await eventually(() => pool.idleCount === 10)
    assert.equal((await pool.workers())[0]?.pid, before?.pid)
  })

  test(`the ${name} SDK lets lines and code find their own job`, { skip }, async (t) => {
    const { pool, line, lines } = await start(t)
    const logs = ['a', 'b'].map((gate) => pool.run(job(`log ${gate}`, `job ${gate}`)))
    await line(/before b/)
    const told = pool.run({ ...job('context b'), context: '{"own":"b"}' })
    await pool.run(job('print among others'))
    await pool.run(job('open b'))
    assert.deepEqual(JSON.parse(textOf(await told)), { own: 'b' })
    await pool.run(job('open a'))
    await Promise.all(logs)
    for (const text of ['before a', 'before b', 'after a', 'after b'])
      assert.equal((await line(new RegExp(text))).job, `job ${text.slice(-1)}`, text)
    assert.equal((await line(/among others/)).job, undefined)
    for (const { text } of lines) assert.doesNotMatch(text, /jobId/)
  })

  test(`the ${name} SDK fails one job by an exception, and all by the end of the process`, {
    skip,
  }, async (t) => {
    const { pool } = await start(t)
    const other = pool.run(job('wait 100'))
    await assert.rejects(pool.run(job('throw')), /TypeError: told to/)
    assert.equal(textOf(await other), '100')
    const held = pool.run(job('hold a'))
    const ends = await Promise.allSettled([held, pool.run(job('die'))])
    for (const end of ends) {
      assert.ok(end.status === 'rejected' && end.reason instanceof RelayError)
      assert.deepEqual([end.reason.code, end.reason.details.exitCode], ['RR_WORKER_CRASHED', 7])
    }
    assert.equal(textOf(await pool.run(job('wait 1'))), '1')
  })

  test(`the ${name} SDK streams answers, and leaves when it is asked to`, {
    skip,
  }, async (t) => {
    const { pool, log } = await start(t)
    const streams = ['a', 'b'].map(async (of) => {
      const pieces: string[] = []
      const last = await pool.run(job(`pieces ${of}`), {
        onChunk: (chunk) => void pieces.push(textOf(chunk)),
      })
      return [...pieces, textOf(last)].join('')
    })
    assert.deepEqual(await Promise.all(streams), ['a in pieces', 'b in pieces'])
    const other = pool.run(job('wait 300'))
    assert.equal(textOf(await pool.run(job('leave x'))), 'x')
    assert.equal(textOf(await other), '300')
    const last = pool.run(job('wait 200'))
    await eventually(async () => (await pool.workers()).some(({ running }) => running === 1))
    await pool.stop(10_000)
    assert.equal(textOf(await last), '200')
    assert.deepEqual(
      log.lines.filter(({ message }) => /killed/.test(message)),
      [],
    )
  })
}
