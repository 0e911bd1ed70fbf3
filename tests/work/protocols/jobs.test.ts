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
  assert.deepEqual(verdicts(protocol, '{"type":4,"data":{"message":"m"}}', one), [
    { kind: 'retry', why: { kind: 'retry', message: 'm' }, asked: 'requeue' },
  ])
})

test('a delivery of SQS brings its attributes as headers, and its pipeline is the one that reads it', () => {
  const record = {
    eventSourceARN: 'arn:aws:sqs:us-east-1:1:mail',
    attributes: { ApproximateReceiveCount: '2' },
    messageAttributes: { rr_pipeline: { stringValue: 'other' }, trace: { stringValue: 'x' } },
  }
  const { context } = jobsProtocol('orders').toJob([delivery('1', { source: 'aws:sqs', record })])
  assert.deepEqual(JSON.parse(String(context)), {
    id: '1',
    job: 'deduced_by_rr',
    driver: 'sqs',
    headers: { ApproximateReceiveCount: ['2'], trace: ['x'] },
    queue: 'mail',
    pipeline: 'orders',
  })
})

test('a reply that cannot be read is a retry, an empty one is done', () => {
  const one = delivery('1')
  for (const body of ['what', '[]', '{}', '{"type":9}', '{"type":"2"}']) {
    const [verdict] = verdicts(jobsProtocol('orders'), body, one)
    assert.ok(verdict?.kind === 'retry' && verdict.why.kind === 'badReply', body)
    assert.match(verdict.why.message, /`mode: raw`/)
  }
  assert.deepEqual(
    verdicts(jobsProtocol('orders'), '', one).map(({ kind }) => kind),
    ['done'],
  )
})

function verdicts(protocol: ReturnType<typeof jobsProtocol>, body: string, one: ReturnType<typeof delivery>) {
  return protocol.verdicts({ context: new Uint8Array(), body: Buffer.from(body), flags: 0 }, [one])
}
