import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode, RelayError } from '../../src/core/errors.js'
import { faultOfError, verdictOfError } from '../../src/work/fault.js'

test('only a run that ended with the death of its worker is a death', () => {
  for (const [code, isDeath] of [
    [ErrorCode.WorkerCrashed, true],
    [ErrorCode.WorkerTimeout, undefined],
    [ErrorCode.JobFailed, undefined],
  ] as const) {
    const verdict = verdictOfError(new RelayError(code, 'no'))
    assert.ok(verdict.kind === 'retry')
    assert.equal(verdict.isDeath, isDeath, code)
  }
})

test('a worker’s own error is kept beside the fault, and any other text is its message', () => {
  const own = { errorType: 'App.X', errorMessage: 'm', stackTrace: ['s'] }
  const fault = faultOfError(new RelayError(ErrorCode.JobFailed, JSON.stringify(own)))
  assert.deepEqual(fault, {
    kind: 'jobFailed',
    message: 'm',
    own: { type: 'App.X', message: 'm', stack: ['s'] },
  })
  for (const text of ['{"errorType":1}', '{no JSON', 'plain'])
    assert.deepEqual(faultOfError(new RelayError(ErrorCode.JobFailed, text)), {
      kind: 'jobFailed',
      message: text,
    })
})

test('an error that no run of ours rejects with counts as a crash, but as nobody’s death', () => {
  assert.deepEqual(verdictOfError(new Error('x')), {
    kind: 'retry',
    why: { kind: 'workerCrashed', message: 'x' },
  })
})
