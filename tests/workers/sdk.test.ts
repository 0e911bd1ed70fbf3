import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { hasCode } from '../../src/core/errors.js'
import { FrameFlag } from '../../src/ipc/frame.js'
import { errorTextOf, job, startPool, textOf } from '../helpers/pool.js'
import { fixture, missing, projectFolder } from '../helpers/project.js'

const example = (...path: string[]) => join(projectFolder, 'examples/handlers', ...path)
const languages: readonly [
  name: string,
  skip: string | false,
  echo: readonly string[],
  worker: readonly string[],
][] = [
  [
    'node',
    false,
    [process.execPath, fixture('sdk', 'echo.mjs')],
    [process.execPath, example('node/worker.mjs')],
  ],
  ['php', missing('php'), ['php', fixture('sdk', 'echo.php')], ['php', example('php/worker.php')]],
  [
    'python',
    missing('python3'),
    ['python3', fixture('sdk', 'echo.py')],
    ['python3', example('python/worker.py')],
  ],
]
const relays = ['fifo', 'pipes', 'unix://FOLDER/relay.sock', 'tcp://127.0.0.1:0']
const record = (body: string) => ({
  ...job(body),
  context: '{"kind":"record","source":"aws:sqs","record":{}}',
})

for (const [name, skip, echo, worker] of languages) {
  for (const relay of relays) {
    test(`the ${name} SDK over ${relay}: bytes come back as they went, prints do no harm`, {
      skip,
    }, async (t) => {
      const { pool, line } = await startPool(t, echo, { relay })
      for (const body of ['', 'x', 'ü\0\n\u{1f600}', 'z'.repeat(5_000_000)]) {
        assert.equal(textOf(await pool.run({ ...job(body), context: '{"awsRequestId":"r-1"}' })), body)
      }
      await line(/stray output of job r-1/)
      assert.equal(textOf(await pool.run(job('nothing'))), '')
      const many = await Promise.all(Array.from({ length: 50 }, (_, at) => pool.run(job(String(at)))))
      assert.deepEqual(
        many.map(textOf),
        Array.from({ length: 50 }, (_, at) => String(at)),
      )
    })
  }

  test(`the ${name} SDK tells an exception’s type, message and stack, and the worker goes on`, {
    skip,
  }, async (t) => {
    const { pool } = await startPool(t, echo)
    for (let round = 0; round < 2; round += 1) {
      await assert.rejects(pool.run(job('throw')), (error: Error) => {
        const own = JSON.parse(errorTextOf(error))
        assert.deepEqual(
          [hasCode(error, 'RR_JOB_FAILED'), error.message, own.errorType, own.errorMessage],
          [true, 'TypeError: told to', 'TypeError', 'told to'],
        )
        assert.ok(Array.isArray(own.stackTrace) && own.stackTrace.length > 0)
        return true
      })
    }
    assert.equal((await pool.workers())[0]?.jobs, 2)
  })

  test(`the ${name} SDK shows a context as it came, and a reply may have one of its own`, {
    skip,
  }, async (t) => {
    const { pool } = await startPool(t, echo)
    const seen = { method: 'PUT', headers: { 'X-Name': ['ü', 'b'] }, uploads: null, parsed: false }
    const { context, body, flags } = await pool.run({
      context: JSON.stringify(seen),
      body: 'reply',
      codec: FrameFlag.json,
    })
    assert.deepEqual(JSON.parse(Buffer.from(context).toString()), { status: 201, seen })
    assert.deepEqual([Buffer.from(body).toString(), flags], ['reply', FrameFlag.json])
  })

  test(`the ${name} example answers events and gives every verdict`, { skip }, async (t) => {
    const { pool, line } = await startPool(t, worker)
    const event = await pool.run({ ...job('{"a":1}', 'e-1'), context: '{"kind":"event","source":"aws:s3"}' })
    assert.deepEqual(JSON.parse(textOf(event)), { ok: true, source: 'aws:s3', kind: 'event' })
    assert.equal((await line(/"job"/)).job, 'e-1')
    const outcome = async (body: string) => Buffer.from((await pool.run(record(body))).context).toString()
    assert.equal(await outcome('{"order":1}'), '')
    assert.equal(await outcome('not JSON'), '')
    assert.deepEqual(JSON.parse(await outcome('{"do":"retry"}')), {
      outcome: 'retry',
      reason: 'told to retry',
      after_ms: 1000,
    })
    assert.deepEqual(JSON.parse(await outcome('{"do":"fail"}')), { outcome: 'fail', reason: 'told to fail' })
    await assert.rejects(pool.run(record('{"do":"throw"}')), (error) => hasCode(error, 'RR_JOB_FAILED'))
    await assert.rejects(pool.run(record('{"do":"die"}')), /exit code 9/)
    assert.equal(await outcome('{"order":2}'), '')
  })

  test(`the ${name} SDK leaves when it is told to stop`, { skip }, async (t) => {
    const { pool, host, log } = await startPool(t, echo)
    await pool.booted
    await host.stop(0)
    const end = log.lines.find((one) => one.message === 'worker left')
    assert.deepEqual([end?.fields.code, end?.fields.signal], [0, null])
  })
}

test('a Node handler that asks to leave is replaced and its job goes on', async (t) => {
  const { pool } = await startPool(t, [process.execPath, fixture('sdk', 'echo.mjs'), 'first'], {
    config: { num_workers: 1 },
  })
  // Every worker leaves at its first job of this kind: after some of them the pool gives the job up with a clear fault.
  await assert.rejects(pool.run(job('stop')), /asked to leave instead of answering/)
  assert.equal(textOf(await pool.run(job('goes on'))), 'goes on')
})
