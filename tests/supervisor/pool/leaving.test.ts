/** Workers that answer and leave: the job is settled, the worker replaced, and however its process ends is no fault. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { hasCode } from '../../../src/core/errors.js'
import { job, startPool, type TestPool, textOf } from '../../helpers/pool.js'
import { eventually } from '../../helpers/wait.js'

type Step = readonly [context: string, body: string, how?: string]
const told = (...steps: readonly Step[]) => job(JSON.stringify(steps))
const pidOf = async ({ pool }: TestPool) => (await pool.workers())[0]?.pid

async function start(t: TestContext): Promise<TestPool> {
  const started = await startPool(t, 'numbers')
  await started.pool.whenIdle()
  return started
}

/** Runs a job; resolves with its answer when another worker is there. */
async function runAndReplace(started: TestPool, ...steps: readonly Step[]) {
  await started.pool.whenIdle()
  const before = await pidOf(started)
  const reply = await started.pool.run(told(...steps))
  await eventually(async () => ![undefined, before].includes(await pidOf(started)))
  return { context: Buffer.from(reply.context).toString(), body: textOf(reply) }
}

const warnings = ({ log }: TestPool) => log.lines.filter(({ level }) => level === 'warn' || level === 'error')

test('a worker that answers with leave is replaced, whatever it does next', async (t) => {
  const started = await start(t)
  const ends: readonly (readonly Step[])[] = [
    [],
    [['', '0', 'exit']],
    [['', '3', 'exit']],
    [['', '', 'kill']],
    [
      ['', '20', 'block'],
      ['', '', 'kill'],
    ],
    // Even what it should not send any more.
    [
      ['{"jobId":JOB}', 'twice'],
      ['', '', 'kill'],
    ],
  ]
  for (const end of ends) {
    const answer = await runAndReplace(started, ['{"outcome":"done","leave":true,"jobId":JOB}', 'x'], ...end)
    assert.deepEqual(answer, { context: '{"outcome":"done","leave":true}', body: 'x' })
  }
  assert.deepEqual(warnings(started), [])
  assert.equal(started.pool.health.recentDeaths, 0)
})

test('leave may stand alone, anywhere in the context, and in any frame of a stream', async (t) => {
  const started = await start(t)
  const { pool } = started
  for (const context of [
    '{"leave":true,"jobId":JOB}',
    '{ "leave" : true, "jobId": JOB, "outcome": "retry" }',
  ])
    assert.match((await runAndReplace(started, [context, 'x'])).context, /leave/)
  const before = await pidOf(started)
  const pieces: string[] = []
  const steps: readonly Step[] = [
    ['{"leave":true,"jobId":JOB}', 'one', 'more'],
    ['{"jobId":JOB}', 'last'],
    ['', '', 'kill'],
  ]
  const last = await pool.run(told(...steps), { onChunk: (chunk) => void pieces.push(textOf(chunk)) })
  assert.deepEqual([pieces, textOf(last)], [['one'], 'last'])
  await eventually(async () => ![undefined, before].includes(await pidOf(started)))
  assert.deepEqual(warnings(started), [])
})

test('an error frame may leave, too: the job fails with its text', async (t) => {
  const started = await start(t)
  const before = await pidOf(started)
  const failed = (error: Error) => hasCode(error, 'RR_JOB_FAILED') && error.message === 'boom'
  const steps: readonly Step[] = [
    ['{"leave":true,"jobId":JOB}', 'boom', 'error'],
    ['', '', 'kill'],
  ]
  await assert.rejects(started.pool.run(told(...steps)), failed)
  await eventually(async () => ![undefined, before].includes(await pidOf(started)))
  assert.deepEqual(warnings(started), [])
})

test('only the key itself leaves: not another value, not a nested or quoted one', async (t) => {
  const started = await start(t)
  const before = await pidOf(started)
  for (const context of [
    '{"leave":false,"jobId":JOB}',
    '{"leave":"true","jobId":JOB}',
    '{"a":{"leave":true},"jobId":JOB}',
    '{"reason":"\\"leave\\":true","jobId":JOB}',
  ])
    await started.pool.run(told([context, 'x']))
  assert.equal(await pidOf(started), before)
})

test('leave works for workers without job_id, and a worker that stops may say it as well', async (t) => {
  const started = await startPool(t, 'leaves-by-body')
  await started.pool.whenIdle()
  const before = await pidOf(started)
  assert.equal(textOf(await started.pool.run(job('{"leave":true}'))), 'left')
  await eventually(async () => ![undefined, before].includes(await pidOf(started)))
  const refused = started.pool.run(job('{"stop":true,"leave":true}'))
  await assert.rejects(refused, /asked to leave instead of answering/)
  assert.deepEqual(warnings(started), [])
})
