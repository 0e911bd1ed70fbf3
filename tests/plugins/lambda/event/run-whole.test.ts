import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EventWork, Mode } from '../../../../src/plugins/lambda/modes/mode.js'
import { readVerdict } from '../../../../src/work/protocols/raw.js'
import { answerOf, handlerOptions, invocationOf, startEvent } from '../../../helpers/lambda.js'
import { startPool } from '../../../helpers/pool.js'
import { sqsEvent } from '../../../helpers/rr.js'
import { turnPool } from '../../../helpers/turn-pool.js'

const work: EventWork = { context: '', body: '1', codec: 4, read: readVerdict }
const unused = () => assert.fail('there is no batch')

test('a job that takes a while to be made holds its worker from the start, so that no poller counts on it', async () => {
  const pool = turnPool(
    1,
    () => 0,
    (body) => body,
  )
  let make!: (made: EventWork) => void
  const mode: Mode = {
    eventWork: () =>
      new Promise((resolve) => {
        make = resolve
      }),
    protocol: unused,
  }
  const { ended } = startEvent(invocationOf({}), handlerOptions(pool, { mode }))
  assert.equal(pool.idleCount, 0)
  make(work)
  const answer = (await ended).answer
  assert.ok(answer.kind === 'result')
  assert.equal(String(answer.body), '1')
  assert.equal(pool.idleCount, 1)
})

test('a job that cannot be made gives the worker back that was held for it', async () => {
  const pool = turnPool(
    1,
    () => 0,
    () => undefined,
  )
  const why = { kind: 'badInput', message: 'no' } as const
  for (const made of [
    Promise.resolve({ unfit: { kind: 'retry', why } } as const),
    Promise.reject(new Error('disk full')),
  ]) {
    const mode: Mode = { eventWork: () => made, protocol: unused }
    const answer = await answerOf(invocationOf({}), handlerOptions(pool, { mode }))
    assert.equal(answer.kind, 'error')
    assert.equal(pool.idleCount, 1)
  }
})

test('nothing is begun after the deadline: a worker would be killed for work that it could not finish', async () => {
  const begun: unknown[] = []
  const pool = turnPool(
    1,
    () => 0,
    (body) => void begun.push(body),
  )
  for (const [event, kind] of [
    [{}, 'error'],
    [sqsEvent(['a', 'b']), 'result'],
  ] as const) {
    const late = invocationOf(event, 'r', Date.now() - 1)
    const answer = await answerOf(late, handlerOptions(pool))
    assert.equal(answer.kind, kind)
    if (answer.kind === 'result') assert.equal(JSON.parse(String(answer.body)).batchItemFailures.length, 2)
  }
  assert.deepEqual(begun, [])
  assert.equal(pool.idleCount, 1)
})

test('an event for which no worker becomes free in time says how many there are', async (t) => {
  const { pool } = await startPool(t, 'echo')
  const lease = await pool.acquire()
  const invocation = invocationOf({}, 'r', Date.now() + 100)
  const answer = await answerOf(invocation, handlerOptions(pool))
  lease.release()
  assert.ok(answer.kind === 'error')
  assert.equal(answer.error.errorType, 'RR.NoWorkers')
  assert.match(answer.error.errorMessage, /^no worker of pool "test" became free within \d+ ms: 1 of 1 are/)
})
