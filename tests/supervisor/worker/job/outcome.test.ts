import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toLambdaError } from '../../../../src/plugins/lambda/errors.js'
import { outcomeOf } from '../../../../src/supervisor/worker/job/outcome.js'
import { faultOfError } from '../../../../src/work/fault.js'
import { job } from '../../../helpers/pool.js'

const stack = { stackTrace: ['at f (/app/a.js:1:1)'] }
const texts: readonly (readonly [text: string, message: string, type: string, told: string])[] = [
  [
    JSON.stringify({ errorType: 'TypeError', errorMessage: 'no id', ...stack }),
    'TypeError: no id',
    'TypeError',
    'no id',
  ],
  [JSON.stringify({ errorType: 'App.Gone', errorMessage: '' }), 'App.Gone', 'App.Gone', ''],
  [
    'RuntimeException: no\n#0 w.php(3)',
    'RuntimeException: no\n#0 w.php(3)',
    'RR.JobFailed',
    'RuntimeException: no\n#0 w.php(3)',
  ],
  [
    '{"errorType":1,"errorMessage":"m"}',
    '{"errorType":1,"errorMessage":"m"}',
    'RR.JobFailed',
    '{"errorType":1,"errorMessage":"m"}',
  ],
  [
    '{"errorType":"","errorMessage":"m"}',
    '{"errorType":"","errorMessage":"m"}',
    'RR.JobFailed',
    '{"errorType":"","errorMessage":"m"}',
  ],
  ['{"errorType":"E"}', '{"errorType":"E"}', 'RR.JobFailed', '{"errorType":"E"}'],
  ['{curly} text', '{curly} text', 'RR.JobFailed', '{curly} text'],
  ['', '', 'RR.JobFailed', ''],
]

test('the error of a failed job reads as type and message, and keeps the text of its worker', () => {
  for (const [text, message, type, told] of texts) {
    const outcome = outcomeOf(
      { kind: 'error', text, leaves: false, isAnonymous: false },
      { id: { pid: 7 }, job: job('body', 'job-1') },
    )
    assert.ok(outcome.kind === 'fault')
    const { error } = outcome
    assert.deepEqual([error.code, error.message], ['RR_JOB_FAILED', message])
    assert.deepEqual(error.details, { pid: 7, job: 'job-1', text })
    assert.equal(String(error), `RelayError: ${message}`.replace(/: $/, ''))
    const { errorType, errorMessage, stackTrace } = toLambdaError(faultOfError(error))
    assert.deepEqual([errorType, errorMessage], [type, told])
    assert.deepEqual(stackTrace, text.includes('stackTrace') ? stack.stackTrace : [])
  }
})
