import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode, RelayError } from '../../../../src/core/errors.js'
import { answerBatch, answerEvent, resultBytesMax } from '../../../../src/plugins/lambda/answer/answer.js'
import { headerType, toLambdaError } from '../../../../src/plugins/lambda/errors.js'
import { writtenText } from '../../../../src/plugins/lambda/plan/record-text.js'
import { faultOfError } from '../../../../src/work/fault.js'
import { readVerdict } from '../../../../src/work/protocols/raw.js'
import type { Verdict } from '../../../../src/work/verdict.js'

/** Returns the error that Lambda gets for a job that rejected with `error`. */
const errorOf = (error: unknown) => toLambdaError(faultOfError(error))

function verdict(context: string, body = ''): Verdict {
  return readVerdict({ context: Buffer.from(context), body: Buffer.from(body), flags: 4 })
}

const contexts: readonly [context: string, kind: string, type?: string][] = [
  ['', 'done'],
  ['{}', 'done'],
  ['{"outcome":"done"}', 'done'],
  ['{"kind":"record","record":{"a":1}}', 'done'],
  ['no JSON with outcome', 'done'],
  ['{"outcome":"retry"}', 'retry', 'RR.Retry'],
  ['{"outcome":"retry","after_ms":5}', 'retry', 'RR.Retry'],
  ['{"outcome":"fail","reason":"x"}', 'fail', 'RR.Failed'],
  ['{"outcome":"else"}', 'retry', 'RR.BadReply'],
  ['{"outcome":null}', 'retry', 'RR.BadReply'],
]
test('every reply of the contract means what it says', () => {
  for (const [context, kind, type] of contexts) {
    const read = verdict(context)
    assert.equal(read.kind, kind, context)
    if (read.kind !== 'done') assert.equal(toLambdaError(read.why).errorType, type, context)
  }
})

const codes: readonly [code: ErrorCode, type: string, header: string][] = [
  [ErrorCode.JobFailed, 'RR.JobFailed', 'Function.JobFailed'],
  [ErrorCode.WorkerTimeout, 'RR.WorkerTimeout', 'Runtime.WorkerTimeout'],
  [ErrorCode.WorkerCrashed, 'RR.WorkerCrashed', 'Runtime.WorkerCrashed'],
  [ErrorCode.BadFrame, 'RR.BadReply', 'Runtime.BadReply'],
  [ErrorCode.PoolNoWorkers, 'RR.NoWorkers', 'Runtime.NoWorkers'],
  [ErrorCode.WorkerBoot, 'RR.NoWorkers', 'Runtime.NoWorkers'],
  [ErrorCode.FrameTooLarge, 'RR.PayloadTooLarge', 'Runtime.PayloadTooLarge'],
  [ErrorCode.PoolStopped, 'RR.Stopped', 'Runtime.Stopped'],
]
test('every code has its type and its header', () => {
  for (const [code, type, header] of codes) {
    const error = errorOf(new RelayError(code, 'text'))
    assert.deepEqual(error, { errorType: type, errorMessage: 'text', stackTrace: [] })
    assert.equal(headerType(error), header)
    assert.match(header, /^(Runtime|Function)\.[A-Z][A-Za-z]+$/)
  }
})

test('a worker’s own error keeps its type and counts as unhandled', () => {
  const own = { errorType: 'App.X', errorMessage: 'm', stackTrace: ['s'] }
  const error = errorOf(new RelayError(ErrorCode.JobFailed, JSON.stringify(own)))
  assert.deepEqual(error, own)
  assert.equal(headerType(error), 'Function.Unhandled')
  const text = errorOf(new RelayError(ErrorCode.JobFailed, '{"errorType":1}'))
  assert.deepEqual(text, { errorType: 'RR.JobFailed', errorMessage: '{"errorType":1}', stackTrace: [] })
})

test('an empty result is null, and one over the limit is an error instead', () => {
  assert.deepEqual(answerEvent(verdict('')), { kind: 'result', body: 'null' })
  const fits = answerEvent({ kind: 'done', body: Buffer.alloc(resultBytesMax) })
  assert.equal(fits.kind, 'result')
  const over = answerEvent({ kind: 'done', body: Buffer.alloc(resultBytesMax + 1) })
  assert.equal(over.kind === 'error' && over.error.errorType, 'RR.PayloadTooLarge')
})

test('failed records are named in the order of the batch', () => {
  const records = ['a', 'b', 'c'].map((name) => ({
    identifier: name,
    name,
    body: '',
    rest: {},
    whole: {},
    text: writtenText({}, {}),
    place: ['Records'] as const,
    attempt: null,
  }))
  const verdicts = [verdict('{"outcome":"retry"}'), verdict(''), verdict('{"outcome":"fail"}')]
  const isFailed = (one: Verdict) => one.kind !== 'done'
  const answer = answerBatch({ records, verdicts, isFailed, isPartial: true })
  assert.equal(
    answer.kind === 'result' && answer.body,
    '{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"c"}]}',
  )
  const whole = answerBatch({ records, verdicts, isFailed, isPartial: false })
  assert.equal(whole.kind === 'error' && whole.error.errorType, 'RR.Retry')
})

test('a worker’s own error keeps what it was caused by, at most five deep', () => {
  const nested = (depth: number): object => ({
    errorType: 'E',
    errorMessage: `level ${depth}`,
    stackTrace: ['f:1'],
    ...(depth === 0 ? {} : { cause: nested(depth - 1) }),
  })
  const error = errorOf(new RelayError(ErrorCode.JobFailed, JSON.stringify(nested(9))))
  let depth = 0
  for (let cause = error.cause; cause !== undefined; cause = cause.cause) depth += 1
  assert.equal(depth, 5)
  const text = JSON.stringify({ errorType: 'E', errorMessage: 'm', cause: { message: 'no error' } })
  assert.equal(errorOf(new RelayError(ErrorCode.JobFailed, text)).cause, undefined)
})
