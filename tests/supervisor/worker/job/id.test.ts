import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Codec } from '../../../../src/supervisor/job.js'
import { takeJobId, withJobId } from '../../../../src/supervisor/worker/job/id.js'

const jobOf = (context: Uint8Array | string, codec: Codec = Codec.raw) => ({ context, body: '', codec })

test('the number goes behind the last key of a context that is a JSON object', () => {
  for (const [context, becomes] of [
    ['', '{"jobId":7}'],
    ['{}', '{"jobId":7}'],
    ['{ \n }', '{ \n "jobId":7}'],
    ['{"a":1}', '{"a":1,"jobId":7}'],
    ['{"a":{}}', '{"a":{},"jobId":7}'],
    ['{"a":{"b":[]}}', '{"a":{"b":[]},"jobId":7}'],
    ['\n{"a":"ü}"}\n', '{"a":"ü}","jobId":7}'],
  ] as const) {
    for (const given of [context, Buffer.from(context)])
      assert.equal(Buffer.from(withJobId(jobOf(given), 7) ?? 'none').toString(), becomes, context)
  }
})

test('a context that is no JSON object carries no number', () => {
  for (const context of ['[]', 'hello', '"{}"', '{', '}', ' ', '7']) {
    assert.equal(withJobId(jobOf(context), 7), undefined, context)
    assert.equal(withJobId(jobOf(Buffer.from(context)), 7), undefined, context)
  }
  assert.equal(withJobId(jobOf('{}', Codec.proto), 7), undefined)
  assert.equal(withJobId(jobOf('', Codec.proto), 7), undefined)
})

test('the number is taken out of an answer’s context, wherever it stands there', () => {
  for (const [context, jobId, rest] of [
    ['{"jobId":7}', 7, ''],
    ['{ "jobId" : 7 }', 7, ''],
    ['{"outcome":"done","jobId":12}', 12, '{"outcome":"done"}'],
    ['{"jobId": 7, "outcome": "retry"}', 7, '{"outcome":"retry"}'],
    ['{"a":{"jobId":3},"jobId":7}', 7, '{"a":{"jobId":3}}'],
    ['{"a":",\\"jobId\\":3}","jobId":7}', 7, '{"a":",\\"jobId\\":3}"}'],
    ['{"__proto__":{"a":1},"jobId":7,"b":2}', 7, '{"__proto__":{"a":1},"b":2}'],
    [`{"long":"${'x'.repeat(200)}","jobId":123456789012}`, 123456789012, `{"long":"${'x'.repeat(200)}"}`],
  ] as const) {
    const taken = takeJobId(Buffer.from(context))
    assert.deepEqual([taken?.jobId, taken?.context.toString()], [jobId, rest], context)
  }
})

test('a number that is nested, quoted, or in no JSON is none', () => {
  for (const context of [
    '',
    '{}',
    '{"a":{"jobId":7}}',
    '[{"jobId":7}]',
    '"jobId"',
    '{"a":",\\"jobId\\":7}"}',
    '{"jobId":"7"}',
    '{"jobId":null}',
    'x{"jobId":7}',
    '{"jobId":7',
  ])
    assert.equal(takeJobId(Buffer.from(context)), undefined, context)
})
