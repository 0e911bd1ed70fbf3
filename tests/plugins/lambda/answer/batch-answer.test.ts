import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toLambdaError } from '../../../../src/plugins/lambda/errors.js'
import { rawMode } from '../../../../src/plugins/lambda/modes/raw.js'
import { ContextMaker } from '../../../../src/plugins/lambda/plan/context.js'
import type { SplitOptions } from '../../../../src/plugins/lambda/plan/split.js'
import { planEvent } from '../../../../src/plugins/lambda/plan/split.js'
import { invocationOf } from '../../../helpers/lambda.js'
import { sqsEvent } from '../../../helpers/rr.js'

const facts = { functionName: null, functionVersion: null, memoryLimitInMB: null }

/** Returns the verdict on a worker's answer to a whole event. */
function verdictOn(
  event: unknown,
  answer: unknown,
  about: { readonly hasPartialFailures?: boolean; readonly split?: Partial<SplitOptions> } = {},
) {
  const split = { isSplit: false, fifo: 'group' as const, ...about.split }
  const mode = rawMode({ split, hasPartialFailures: about.hasPartialFailures ?? true })
  const invocation = invocationOf(event)
  const { source } = planEvent(invocation.body, split)
  const work = mode.eventWork({
    invocation,
    tags: { requestId: 'r' },
    source,
    contexts: new ContextMaker(invocation, facts, source),
  })
  assert.ok(!(work instanceof Promise) && !('unfit' in work))
  const body = Buffer.from(typeof answer === 'string' ? answer : JSON.stringify(answer))
  const verdict = work.read({ context: Buffer.alloc(0), body, flags: 4 })
  if (verdict.kind === 'done') return 'done'
  const { errorType, errorMessage } = toLambdaError(verdict.why)
  return `${errorType}: ${errorMessage}`
}

const named = (...ids: readonly unknown[]) => ({
  batchItemFailures: ids.map((itemIdentifier) => ({ itemIdentifier })),
})
const kinesisOf = (sequence: string) => ({
  eventSource: 'aws:kinesis',
  kinesis: { sequenceNumber: sequence, partitionKey: 'k', data: '' },
})

const answers: readonly (readonly [answer: unknown, verdict: RegExp])[] = [
  [named(), /^done$/],
  [{ batchItemFailures: null }, /^done$/],
  [named('message-1'), /^done$/],
  [named('message-1', 'message-0'), /^done$/],
  [{}, /^done$/],
  ['', /^done$/],
  ['null', /^done$/],
  [named('message-7'), /^RR\.BadReply: .*"message-7".*not a record of the batch/],
  [named('message-1', 'message-1'), /^RR\.BadReply: .*message-1 twice/],
  [named(''), /^RR\.BadReply/],
  [named(null), /^RR\.BadReply/],
  [named(1), /^RR\.BadReply/],
  [{ batchItemFailures: [{ itemidentifier: 'message-1' }] }, /^RR\.BadReply: .*nothing/],
  [{ batchItemFailures: ['message-1'] }, /^RR\.BadReply/],
  [{ batchItemFailures: 'message-1' }, /^RR\.BadReply: batchItemFailures is not a list/],
  [{ batchItemFailures: {} }, /^RR\.BadReply: batchItemFailures is not a list/],
  ['{"batchItemFailures":[', /^RR\.BadReply: .*not JSON/],
  ['["batchItemFailures"]', /^RR\.BadReply: .*not an object/],
]
test('an answer that Lambda would take as a failure of the whole batch is an error that says why', () => {
  for (const [answer, verdict] of answers)
    assert.match(verdictOn(sqsEvent(['a', 'b']), answer), verdict, JSON.stringify(answer))
})

test('names of failed records are checked for every source that takes them, and for tumbling windows', () => {
  const window = { Records: [kinesisOf('1'), kinesisOf('2')], window: { start: 'a', end: 'b' }, state: {} }
  assert.equal(verdictOn(window, { state: { a: 1 } }), 'done')
  assert.equal(verdictOn(window, { state: {}, ...named('2') }), 'done')
  assert.match(verdictOn(window, { state: {}, ...named('3') }), /RR\.BadReply/)
  const kafka = {
    eventSource: 'aws:kafka',
    records: { 't-0': [{ topic: 't', partition: 0, offset: 5, value: '' }] },
  }
  assert.equal(verdictOn(kafka, named({ offset: 5, partition: 't-0' })), 'done')
  assert.match(verdictOn(kafka, named({ partition: 't-0', offset: 6 })), /RR\.BadReply/)
  assert.match(verdictOn(kafka, named('t-0')), /RR\.BadReply/)
  const other = { kafkaIdentifier: 'topic-partition' } as const
  assert.equal(verdictOn(kafka, named({ 'topic-partition': 't-0', offset: 5 }), { split: other }), 'done')
  assert.match(verdictOn(kafka, named({ partition: 't-0', offset: 5 }), { split: other }), /RR\.BadReply/)
})

test('batchItemFailures of an event without named records is passed on as the worker’s own result', () => {
  assert.equal(verdictOn({ a: 1 }, named('x')), 'done')
  const mq = { eventSource: 'aws:mq', messages: [{ messageID: 'm', data: '' }] }
  assert.equal(verdictOn(mq, named('x')), 'done')
})

test('with partial_failures: off a list of failed records fails the invocation', () => {
  const off = { hasPartialFailures: false }
  assert.match(verdictOn(sqsEvent(['a', 'b']), named('message-1'), off), /RR\.JobFailed: .*1 failed/)
  assert.equal(verdictOn(sqsEvent(['a', 'b']), named(), off), 'done')
})
