import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode, RelayError } from '../../../src/core/errors.js'
import { loadClient } from '../../../src/work/queues/client-package.js'
import { jobRecord } from '../../../src/work/queues/job-record.js'
import { isQueueFault, maskedAddress, queueFault } from '../../../src/work/queues/queue-fault.js'

test('faults of a queue’s server are told apart from those of the configuration', () => {
  for (const kind of ['unreachable', 'denied', 'missing'] as const)
    assert.ok(isQueueFault(queueFault({ kind, what: 'no answer', hint: 'Start it.' })), kind)
  assert.ok(!isQueueFault(new RelayError(ErrorCode.DriverPackage, 'not installed')))
  assert.ok(!isQueueFault(new Error('ECONNREFUSED')))
})

test('a client package that is not installed is told with the line that installs it', async () => {
  const packages = ['@example/one', 'two'] as const
  const name = '@example/one'
  const loading = loadClient({ packages, driver: 'example', load: () => import(name) })
  await assert.rejects(loading, {
    code: 'RR_DRIVER_PACKAGE',
    message: 'the driver "example" needs @example/one and two, which are not installed',
    hint: 'Run `npm install @example/one two` beside relayrunner.',
  })
})

test('addresses are shown without passwords', () => {
  const shown = [
    ['postgres://app:secret@db:5432/jobs?password=secret', 'postgres://app:***@db:5432/jobs'],
    ['nats://token@127.0.0.1:4222', 'nats://***@127.0.0.1:4222'],
    ['tcp://127.0.0.1:11300', 'tcp://127.0.0.1:11300'],
    ['user:p@ss:word@host', 'user:***@host'],
    ['localhost:9092', 'localhost:9092'],
  ] as const
  for (const [address, masked] of shown) assert.equal(maskedAddress(address), masked)
})

test('the record of a job has RoadRunner’s properties where its protocol looks for them', () => {
  const record = jobRecord({
    kind: 'nats',
    id: '7',
    ownId: 'a',
    name: 'app.job',
    pipeline: '',
    queue: 'work',
  })
  assert.deepEqual(record, {
    messageId: '7',
    attributes: {},
    messageAttributes: {
      rr_id: { stringValue: 'a', dataType: 'String' },
      rr_job: { stringValue: 'app.job', dataType: 'String' },
    },
    eventSource: 'nats',
    queue: 'work',
  })
})
