/** Workers that announced `job_id`: whose answer counts for which job, and what a wrong one costs. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { hasCode } from '../../../src/core/errors.js'
import { job, startPool, type TestPool, textOf } from '../../helpers/pool.js'
import { eventually } from '../../helpers/wait.js'

type Step = readonly [context: string, body: string, how?: string]
/** A job that the fixture answers with these frames. */
const told = (...steps: readonly Step[]) => job(JSON.stringify(steps))
const own = '{"jobId":JOB}'

async function start(t: TestContext, fixture = 'numbers'): Promise<TestPool> {
  const started = await startPool(t, fixture)
  await started.pool.whenIdle()
  return started
}
const pidOf = async ({ pool }: Pick<TestPool, 'pool'>) => (await pool.workers())[0]?.pid
const warned = ({ log }: TestPool, text: RegExp) =>
  log.lines.filter(({ level, message }) => level === 'warn' && text.test(message))

test('a worker that announced job_id is sent a number, and its caller never sees it', async (t) => {
  const { pool } = await start(t)
  for (const [context, sent] of [
    ['{}', /^\{"jobId":1\}$/],
    ['{"a":{"b":1}}', /^\{"a":\{"b":1\},"jobId":2\}$/],
  ] as const) {
    const reply = await pool.run({ ...told(['{"x":1,"jobId":JOB}', 'CONTEXT']), context })
    assert.match(textOf(reply), sent)
    assert.equal(Buffer.from(reply.context).toString(), '{"x":1}')
  }
  for (const context of [own, '{ "jobId" : JOB }'])
    assert.equal((await pool.run(told([context, 'ok']))).context.length, 0)
})

test('a job without a context, and questions between jobs, leave the numbers alone', async (t) => {
  const { pool } = await start(t)
  assert.equal(textOf(await pool.run({ ...told([own, 'CONTEXT']), context: '' })), '{"jobId":1}')
  await pool.whenIdle()
  assert.equal(await pool.ask('ask', { question: 1 }), 1)
  assert.equal(textOf(await pool.run(told([own, 'next']))), 'next')
})

test('a second, late answer is dropped with a warning; the running job ends with its own', async (t) => {
  const started = await start(t)
  const { pool } = started
  const before = await pidOf(started)
  const late = pool.run(told([own, 'first'], ['', '50', 'block'], [own, 'stale']))
  assert.equal(textOf(await late), 'first')
  assert.equal(textOf(await pool.run(told(['', '50', 'block'], [own, 'second']))), 'second')
  assert.equal(textOf(await pool.run(told([own, 'third']))), 'third')
  await eventually(async () => (await pidOf(started)) !== before)
  const [line, ...more] = warned(started, /another job/)
  assert.deepEqual([line?.fields.jobId, line?.fields.runningJobId, more], [1, 2, []])
})

test('late errors, verdicts, self-stops and pieces of streams with another number reach nobody', async (t) => {
  const started = await start(t)
  const { pool } = started
  for (const stale of [
    ['{"jobId":LAST}', 'boom', 'error'],
    ['{"jobId":LAST,"outcome":"fail"}', ''],
    ['{"stop":true,"jobId":LAST}', ''],
    ['{"jobId":LAST}', 'piece', 'more'],
    ['{"jobId":LAST}', 'piece', 'ping'],
  ] as const satisfies readonly Step[]) {
    await pool.run(told([own, 'first']))
    const pieces: string[] = []
    const onChunk = (chunk: { readonly body: Uint8Array }) => void pieces.push(textOf(chunk))
    const answer = await pool.run(told(stale, stale, [own, 'own']), { onChunk })
    assert.deepEqual([textOf(answer), pieces], ['own', []], JSON.stringify(stale))
  }
  assert.equal(warned(started, /another job/).length, 5)
})

test('a streamed answer carries the number in each of its frames', async (t) => {
  const { pool } = await start(t)
  const pieces: string[] = []
  const onChunk = (chunk: { readonly context: Uint8Array; readonly body: Uint8Array }) =>
    void pieces.push(`${Buffer.from(chunk.context).toString()}${textOf(chunk)}`)
  const steps: readonly Step[] = [
    ['{"a":1,"jobId":JOB}', 'one', 'more'],
    [own, 'two', 'more'],
    [own, 'last'],
  ]
  assert.equal(textOf(await pool.run(told(...steps), { onChunk })), 'last')
  assert.deepEqual(pieces, ['{"a":1}one', 'two'])
})

test('an answer without its number is a bad one that says so', async (t) => {
  const { pool } = await start(t)
  for (const context of ['', '{"outcome":"done"}', '{"stop":true}', '{"jobId":"JOB"}']) {
    await assert.rejects(pool.run(told([context, ''])), (error: Error) => {
      assert.ok(hasCode(error, 'RR_IPC_BAD_FRAME'), context)
      assert.match(error.message, /without jobId 1.*job_id/)
      return true
    })
  }
})

test('an error names its job in a context before its text', async (t) => {
  const started = await start(t)
  const { pool } = started
  const before = await pidOf(started)
  const failed = (error: Error) => hasCode(error, 'RR_JOB_FAILED') && error.message === 'boom'
  await assert.rejects(pool.run(told([own, 'boom', 'error'])), failed)
  assert.equal(await pidOf(started), before)
})

test('an error without a number fails the running job, acknowledges nothing, and costs the worker', async (t) => {
  const started = await start(t)
  const { pool } = started
  const before = await pidOf(started)
  assert.equal(
    textOf(await pool.run(told([own, 'first'], ['', '50', 'block'], ['', 'late', 'text']))),
    'first',
  )
  const failed = (error: Error) => hasCode(error, 'RR_JOB_FAILED') && error.message === 'late'
  await assert.rejects(pool.run(told(['', '50', 'block'], [own, 'second'])), failed)
  assert.equal(textOf(await pool.run(told([own, 'third']))), 'third')
  await eventually(async () => (await pidOf(started)) !== before)
  assert.equal(warned(started, /without a jobId/).length, 1)
})

test('a second answer in one chunk with the first costs the worker', async (t) => {
  const started = await start(t, 'answers-twice')
  for (let round = 0; round < 3; round += 1) {
    const before = await pidOf(started)
    assert.equal(textOf(await started.pool.run(job('?'))), 'one')
    await eventually(async () => (await pidOf(started)) !== before)
  }
  assert.equal(warned(started, /without a job/).length, 3)
})

test('concurrency without job_id is ignored with a warning', async (t) => {
  const started = await start(t, 'announces-concurrency')
  assert.equal(textOf(await started.pool.run(job('x'))), 'x')
  assert.equal(warned(started, /concurrency without job_id/).length, 1)
})
