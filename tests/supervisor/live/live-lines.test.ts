import assert from 'node:assert/strict'
import { test } from 'node:test'
import { liveFailure, liveLine } from '../../../src/supervisor/live/live-lines.js'

const plain = { timeMs: 0, level: 'info', logger: 'x', fields: {} } as const

test('a line is shown with its fields, what failed first', () => {
  const record = {
    ...plain,
    message: 'a',
    fields: { size: 1, errorType: 'E', errorMessage: 'no', left: undefined },
  }
  const { n, fields, time } = liveLine({ n: 4, record })
  assert.deepEqual([n, fields, time], [5, 'E: no size=1', '1970-01-01T00:00:00.000Z'])
})

test('a long message is cut', () => {
  const { message } = liveLine({ n: 0, record: { ...plain, message: 'x'.repeat(5000) } })
  assert.equal(message, `${'x'.repeat(1000)}…`)
})

test('a failure is shown with its stack and its job', () => {
  const fields = {
    errorType: 'E',
    errorMessage: 'why',
    stackTrace: Array.from({ length: 100 }, (_, at) => `at ${at}`),
    job: 'j',
    attempt: 2,
  }
  const { type, error, stack, job, attempt, pool } = liveFailure({
    n: 0,
    record: { ...plain, message: 'it failed', fields },
  })
  assert.deepEqual(
    [type, error, stack.length, stack[0], job, attempt, pool],
    ['E', 'why', 40, 'at 0', 'j', 2, null],
  )
})
