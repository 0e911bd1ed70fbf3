import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EventRun } from '../../../src/plugins/lambda/handle.js'
import { handlerOptions, invocationOf } from '../../helpers/lambda.js'
import { fixtureCommand, recordingLogger, startPool } from '../../helpers/pool.js'
import { sqsEvent } from '../../helpers/rr.js'

for (const [what, log, failures] of [
  ['is acknowledged', recordingLogger(), 0],
  ['stays with its queue when the log takes no errors', { ...recordingLogger(), isEnabled: () => false }, 1],
] as const) {
  test(`failed: log: a record that was given up ${what}`, async (t) => {
    const { pool } = await startPool(t, fixtureCommand('gives-up'))
    const options = handlerOptions(pool, { failed: 'log', log })
    const answer = await new EventRun(invocationOf(sqsEvent(['only copy'])), options).answer
    assert.ok(answer.kind === 'result')
    assert.equal(JSON.parse(String(answer.body)).batchItemFailures.length, failures)
  })
}
