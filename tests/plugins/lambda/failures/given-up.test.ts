import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answerOf, handlerOptions, invocationOf } from '../../../helpers/lambda.js'
import { fixtureCommand, recordingLogger, startPool } from '../../../helpers/pool.js'
import { sqsEvent } from '../../../helpers/rr.js'

test('failed: log: logged records are acknowledged, others come again; a stuck log is awaited once', async (t) => {
  const { pool } = await startPool(t, fixtureCommand('gives-up'))
  const log = recordingLogger()
  const limits: number[] = []
  const answers = [false, false, true, true]
  const writeError = (_fields: object, _message: string, limitMs: number) => {
    limits.push(limitMs)
    return Promise.resolve(answers.shift() === true)
  }
  const options = handlerOptions(pool, { failed: 'log', log: { ...log, writeError } })
  for (const [round, failures] of [1, 1, 0, 0].entries()) {
    const answer = await answerOf(invocationOf(sqsEvent(['only copy'])), options)
    assert.ok(answer.kind === 'result')
    assert.equal(JSON.parse(String(answer.body)).batchItemFailures.length, failures, `round ${round}`)
  }
  assert.deepEqual(limits, [2000, 50, 50, 2000])
  const told = log.lines.map(({ level, message }) => ({ level, message }))
  const again = 'a record that was given up could not be written into the log and will be delivered again'
  assert.deepEqual(told, Array(2).fill({ level: 'warn', message: again }))
})
