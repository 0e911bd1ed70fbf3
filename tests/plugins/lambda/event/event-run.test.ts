import assert from 'node:assert/strict'
import { test } from 'node:test'
import { marginInForce } from '../../../../src/plugins/lambda/event/deadline-margin.js'
import { eventRun, handlerOptions, invocationOf, startEvent } from '../../../helpers/lambda.js'
import { sqsEvent } from '../../../helpers/rr.js'
import { turnPool } from '../../../helpers/turn-pool.js'

const work = { context: '{}', body: '1', codec: 4 } as const

const idlePool = () =>
  turnPool(
    1,
    () => 0,
    (body) => body,
  )

/** A pool whose worker answers the body `a`, and holds any other for ever; `held` resolves when it does. */
function holdingPool() {
  let onHeld: () => void = () => undefined
  const held = new Promise<void>((resolve) => {
    onHeld = resolve
  })
  const pool = turnPool(
    1,
    () => 0,
    (body) => {
      if (body === 'a') return ''
      onHeld()
      return new Promise(() => undefined)
    },
  )
  return { pool, held }
}

test('the margin in force is the smaller of the setting and a tenth of the time left, at least 50 ms', () => {
  assert.equal(marginInForce(1000, 30_000), 1000)
  assert.equal(marginInForce(1000, 3000), 300)
  assert.equal(marginInForce(1000, 100), 50)
  assert.equal(marginInForce(0, 30_000), 0)
})

test('a job carries the tags of its event and ends at the deadline less the margin', () => {
  const deadlineMs = Date.now() + 60_000
  const { run } = eventRun(invocationOf({}, 'r', deadlineMs), handlerOptions(idlePool()))
  const made = run.jobOf(work, 'r/1')
  assert.ok('job' in made)
  assert.equal(made.job.id, 'r/1')
  assert.deepEqual(made.job.tags, { requestId: 'r' })
  assert.equal(made.options.deadlineMs, deadlineMs - 1000)
  run.end({ kind: 'streamed' })
})

test('after the deadline there is no job but the verdict that it was not done in time', async () => {
  const { run, ended } = eventRun(invocationOf({}, 'r', Date.now() - 1), handlerOptions(idlePool()))
  const made = run.jobOf(work, 'r')
  assert.ok('kind' in made && made.kind === 'retry')
  assert.equal(made.why.kind, 'workerTimeout')
  assert.ok(run.signal.aborted)
  run.end({ kind: 'streamed' })
  assert.deepEqual(await ended, { answer: { kind: 'streamed' }, reason: 'RR.WorkerTimeout' })
})

test('the first answer counts, and a second one is ignored', async () => {
  const { run, ended } = eventRun(invocationOf({}), handlerOptions(idlePool()))
  run.end({ kind: 'result', body: '1' }, 'unfit')
  run.end({ kind: 'result', body: '2' })
  assert.deepEqual(await ended, { answer: { kind: 'result', body: '1' }, reason: 'unfit' })
})

test('an event that must be answered now is failed with RR.Stopped while its job runs', async () => {
  const { pool, held } = holdingPool()
  const { run, ended } = startEvent(invocationOf({}), handlerOptions(pool))
  await held
  run.answerNow()
  const { answer, reason } = await ended
  assert.ok(answer.kind === 'error')
  assert.deepEqual([answer.error.errorType, reason], ['RR.Stopped', 'RR.Stopped'])
})

test('a batch that must be answered now names only the records that are not done', async () => {
  const { pool, held } = holdingPool()
  const { run, ended } = startEvent(invocationOf(sqsEvent(['a', 'b', 'c'])), handlerOptions(pool))
  await held
  run.answerNow()
  const { answer } = await ended
  assert.ok(answer.kind === 'result')
  assert.deepEqual(JSON.parse(String(answer.body)), {
    batchItemFailures: [{ itemIdentifier: 'message-1' }, { itemIdentifier: 'message-2' }],
  })
})
