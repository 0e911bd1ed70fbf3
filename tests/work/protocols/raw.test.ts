import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rawProtocol } from '../../../src/work/protocols/raw.js'
import { delivery } from '../../helpers/deliveries.js'

test('a delivery of a queue gets the context that Lambda’s record gets, with nulls where no request is', () => {
  const one = delivery('1', { source: 'aws:sqs', record: { messageId: '1' }, attempt: 2 })
  const { context, body, id } = rawProtocol.toJob([one])
  assert.deepEqual(JSON.parse(String(context)), {
    kind: 'record',
    source: 'aws:sqs',
    awsRequestId: null,
    deadlineMs: null,
    invokedFunctionArn: null,
    functionName: null,
    functionVersion: null,
    memoryLimitInMB: null,
    traceId: null,
    clientContext: null,
    identity: null,
    tenantId: null,
    attempt: 2,
    record: { messageId: '1' },
  })
  assert.deepEqual([body, id], ['1', '1'])
})

test('headers that a driver keeps beside the record are among its message attributes', () => {
  const record = { messageId: '1', messageAttributes: { rr_job: { stringValue: 'mail' } } }
  const headersSent = (one: object) => {
    const { context } = rawProtocol.toJob([delivery('1', { headers: { tenant: ['a', 'b'] }, ...one })])
    return JSON.parse(String(context)).record.messageAttributes?.rr_headers?.stringValue
  }
  assert.equal(headersSent({ record }), '{"tenant":["a","b"]}')
  assert.equal(headersSent({ record, headers: {} }), undefined)
  // SQS's records have them already, and AMQP's have a place of their own.
  const sent = { ...record, messageAttributes: { rr_headers: { stringValue: '{}' } } }
  assert.equal(headersSent({ record: sent }), '{}')
  assert.equal(headersSent({ record: { basicProperties: { headers: {} } } }), undefined)
})
