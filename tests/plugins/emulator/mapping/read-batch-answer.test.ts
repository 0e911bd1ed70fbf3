import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readBatchAnswer } from '../../../../src/plugins/emulator/mapping/read-batch-answer.js'

const ids = ['m1', 'm2', 'm3']

function read(body: string, reportsFailures = true) {
  return readBatchAnswer({ kind: 'result', body: Buffer.from(body) }, ids, reportsFailures)
}

function naming(...identifiers: readonly unknown[]): string {
  return JSON.stringify({ batchItemFailures: identifiers.map((itemIdentifier) => ({ itemIdentifier })) })
}

for (const [body, failed] of [
  ['', []],
  ['  \n', []],
  ['null', []],
  ['{}', []],
  ['{"other":1}', []],
  ['{"batchItemFailures":null}', []],
  ['{"batchItemFailures":[]}', []],
  [naming('m2'), ['m2']],
  [naming('m3', 'm1'), ['m3', 'm1']],
  [naming('m1', 'm1'), ['m1']],
] as const) {
  test(`the answer ${body || 'nothing'} means that these failed: ${failed.join() || 'none'}`, () => {
    const outcome = read(body)
    assert.deepEqual([...outcome.failed], failed)
    assert.equal(outcome.problem, undefined)
  })
}

for (const [body, problem] of [
  ['done', /not JSON/],
  ['{"batchItemFailures":[', /not JSON/],
  ['"m1"', /not an object/],
  ['true', /not an object/],
  ['[]', /not an object/],
  ['{"batchItemFailures":"m1"}', /not a list/],
  ['{"batchItemFailures":{}}', /not a list/],
  ['{"batchItemFailures":["m1"]}', /without itemIdentifier/],
  ['{"batchItemFailures":[null]}', /without itemIdentifier/],
  ['{"batchItemFailures":[{}]}', /without itemIdentifier/],
  ['{"batchItemFailures":[{"itemidentifier":"m1"}]}', /without itemIdentifier/],
  ['{"batchItemFailures":[{"ItemIdentifier":"m1"}]}', /without itemIdentifier/],
  [naming(''), /"" is not a message/],
  [naming(null), /null is not a message/],
  [naming(7), /7 is not a message/],
  [naming('m4'), /"m4" is not a message/],
  [naming('m1', 'm4'), /"m4" is not a message/],
] as const) {
  test(`the answer ${body} fails the whole batch`, () => {
    const outcome = read(body)
    assert.deepEqual([...outcome.failed], ids)
    assert.match(outcome.problem ?? '', problem)
  })
}

test('without ReportBatchItemFailures whatever a function returns means that all is done', () => {
  for (const body of ['', 'done', naming('m1'), naming('nobody'), '[]'])
    assert.deepEqual([...read(body, false).failed], [], body)
})

test('a function that failed fails the whole batch, whether or not it reports failures', () => {
  for (const reportsFailures of [true, false]) {
    const error = { kind: 'error', body: Buffer.from(naming('m1')) } as const
    assert.deepEqual([...readBatchAnswer(error, ids, reportsFailures).failed], ids)
  }
})
