import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readContext } from '../../workers/node/context.js'
import { readControl } from '../../workers/node/hooks.js'

const contextOf = (value: unknown) => readContext(Buffer.from(JSON.stringify(value)))

test('a context of other types than its own has absent values, and keeps them as they came in values', () => {
  const given = { kind: 7, source: ['x'], awsRequestId: 1, deadlineMs: 'soon', attempt: '2', record: [1] }
  const context = contextOf(given)
  const { kind, source, awsRequestId, deadlineMs, attempt, record } = context
  assert.deepEqual(
    { kind, source, awsRequestId, deadlineMs, attempt, record },
    { kind: 'event', source: null, awsRequestId: '', deadlineMs: null, attempt: null, record: null },
  )
  assert.equal(context.remainingMs(), Number.POSITIVE_INFINITY)
  assert.deepEqual(context.values, given)
})

test('names of the context come before those of its record, and other members are readable, too', () => {
  const record = { messageId: 'm-1', eventSourceARN: 'arn:aws:sqs:eu-west-1:1:orders' }
  const context = contextOf({ kind: 'record', record, queue: 'mine', headers: { a: ['b'] }, jobId: 3 })
  assert.deepEqual([context.kind, context.messageId, context.queue], ['record', 'm-1', 'mine'])
  assert.deepEqual(Object.entries(context).find(([name]) => name === 'headers')?.[1], { a: ['b'] })
  assert.equal('jobId' in context.values, false)
})

test('a context that is not an object is empty', () => {
  for (const value of [null, 1, 'x', [{ kind: 'record' }]]) assert.deepEqual(contextOf(value).values, {})
})

const silent = {
  asksPid: false,
  asksStop: false,
  gapMs: undefined,
  snapshot: undefined,
  cancels: undefined,
}
const controls: readonly [payload: string, read: object][] = [
  ['{"pid":true}', { ...silent, asksPid: true }],
  ['{"stop":true}', { ...silent, asksStop: true }],
  ['{"stop":"yes","later":1}', silent],
  ['{"thaw":{"gap_ms":6000}}', { ...silent, gapMs: 6000 }],
  ['{"snapshot":"before"}', { ...silent, snapshot: 'before' }],
  ['{"snapshot":"after"}', { ...silent, snapshot: 'after' }],
  ['{"cancel":{"jobId":7}}', { ...silent, cancels: '7' }],
  ['null', silent],
  ['[]', silent],
]
test('a control message says what its members say, and unknown ones nothing', () => {
  for (const [payload, read] of controls) assert.deepEqual(readControl(Buffer.from(payload)), read, payload)
})
