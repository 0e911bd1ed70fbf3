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
