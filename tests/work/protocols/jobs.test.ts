import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jobsProtocol } from '../../../src/work/protocols/jobs.js'
import { delivery } from '../../helpers/deliveries.js'

test('a delivery of a queue becomes a job as RoadRunner sends it', () => {
  const record = { messageAttributes: { rr_job: { stringValue: 'App\\Send' } } }
  const one = delivery('1', { source: 'memory', headers: { a: ['b'] }, record })
  const protocol = jobsProtocol('orders')
  const { context, body } = protocol.toJob([one])
  assert.deepEqual(JSON.parse(String(context)), {
    id: '1',
    job: 'App\\Send',
    driver: 'memory',
    headers: { a: ['b'] },
    pipeline: 'orders',
  })
  assert.equal(body, '1')
  const reply = {
    context: new Uint8Array(),
    body: Buffer.from('{"type":4,"data":{"message":"m"}}'),
    flags: 0,
  }
  assert.deepEqual(protocol.verdicts(reply, [one]), [{ kind: 'retry', why: { kind: 'retry', message: 'm' } }])
})
