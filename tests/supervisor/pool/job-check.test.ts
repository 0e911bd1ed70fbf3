import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Codec, type Job, type RunOptions } from '../../../src/supervisor/job.js'
import { startPool, textOf } from '../../helpers/pool.js'

/** Values as a plugin in JavaScript hands them in. */
function untyped<T>(value: unknown): T {
  return value as T
}

test('what is not a job is refused with its name, and costs nobody the worker', async (t) => {
  const { pool } = await startPool(t, 'echo')
  await pool.booted
  const [before] = await pool.workers()
  const run = (job: unknown, options: object = {}) =>
    pool.run(untyped<Job>(job), untyped<RunOptions>(options))
  const ok = { context: '', body: 'hi', codec: Codec.raw }
  const cases: readonly [unknown, object, RegExp][] = [
    [undefined, {}, /the job is undefined/],
    [null, {}, /the job is null/],
    ['hi', {}, /the job is a string/],
    [{ ...ok, body: 7 }, {}, /body is 7/],
    [{ ...ok, body: null }, {}, /body is null/],
    [{ ...ok, body: { a: 1 } }, {}, /body is of type Object/],
    [{ ...ok, body: new Blob(['x']) }, {}, /body is of type Blob/],
    [{ ...ok, body: new ArrayBuffer(3) }, {}, /body is of type ArrayBuffer/],
    [{ ...ok, context: ['x'] }, {}, /context is of type Array/],
    [{ ...ok, context: Object.create(null) }, {}, /context is an object/],
    [{ ...ok, codec: 'json' }, {}, /codec is a string/],
    [{ ...ok, codec: 3 }, {}, /codec is 3/],
    [{ ...ok, codec: Codec.control }, {}, /codec is 9/],
    [{ ...ok, id: 5 }, {}, /id is 5/],
    [{ ...ok, name: {} }, {}, /name is of type Object/],
    [{ ...ok, tags: 'r' }, {}, /tags is a string/],
    [{ ...ok, tags: { requestId: 7 } }, {}, /tags\.requestId is 7/],
    [ok, { deadlineMs: Number.NaN }, /deadlineMs is NaN/],
    [ok, { deadlineMs: '5s' }, /deadlineMs is a string/],
    [ok, { deadlineMs: -1 }, /deadlineMs is -1/],
    [ok, { execTtlMs: -5 }, /execTtlMs is -5/],
    [ok, { execTtlMs: Number.NaN }, /execTtlMs is NaN/],
    [ok, { signal: {} }, /signal is of type Object, not an AbortSignal/],
    [ok, { signal: 'stop' }, /signal is a string/],
    [ok, { stopStream: 1 }, /stopStream is 1/],
    [ok, { onChunk: {} }, /onChunk is of type Object, not a function/],
  ]
  for (const [job, options, says] of cases) {
    for (const call of [run, (one: unknown, more: object) => pool.runAlone(untyped(one), untyped(more))])
      await assert.rejects(call(job, options), (error: { code?: string; message: string; hint?: string }) => {
        assert.equal(error.code, 'RR_JOB_INVALID')
        assert.match(error.message, says)
        assert.ok((error.hint ?? '') !== '')
        return true
      })
  }
  const lease = await pool.acquire()
  await assert.rejects(lease.run(untyped({ ...ok, body: 7 })), { code: 'RR_JOB_INVALID' })
  lease.release()
  const [after] = await pool.workers()
  assert.equal(after?.pid, before?.pid)
  assert.equal(textOf(await run(ok)), 'hi')
})

test('a duration in place of a deadline is told as a time that has passed, and the job is not sent', async (t) => {
  const { pool } = await startPool(t, 'echo')
  await pool.booted
  const job = { context: '', body: 'hi', codec: Codec.raw, id: 'b' }
  await assert.rejects(pool.run(job, { deadlineMs: 5000 }), {
    code: 'RR_WORKER_TIMEOUT',
    message: /the deadline of job b .* passed \d+ ms ago; it was not sent/,
    hint: /clock\.nowMs\(\) \+ 5000.*execTtlMs/,
  })
  const [worker] = await pool.workers()
  assert.equal(worker?.jobs, 0)
  assert.equal(textOf(await pool.run(job, { deadlineMs: Number.MAX_SAFE_INTEGER, execTtlMs: 0 })), 'hi')
})

test('a job without context, body or codec runs with empty ones, and text is as good as bytes', async (t) => {
  const { pool } = await startPool(t, 'echo')
  assert.equal(textOf(await pool.run(untyped({ body: 'hi' }))), 'hi')
  assert.equal(textOf(await pool.run(untyped({ body: new TextEncoder().encode('bytes') }))), 'bytes')
  assert.equal(textOf(await pool.run(untyped({ context: 'c' }))), '')
})

test('a job over 64 MB is refused before it is sent', async (t) => {
  const { pool } = await startPool(t, 'echo')
  const body = Buffer.alloc(64 * 1024 * 1024)
  await assert.rejects(pool.run({ context: 'x', body, codec: Codec.raw }), { code: 'RR_IPC_FRAME_TOO_LARGE' })
  const text = 'ä'.repeat(33 * 1024 * 1024)
  await assert.rejects(pool.run({ context: '', body: text, codec: Codec.raw }), {
    code: 'RR_IPC_FRAME_TOO_LARGE',
  })
  assert.equal(textOf(await pool.run({ context: '', body: 'small', codec: Codec.raw })), 'small')
})
