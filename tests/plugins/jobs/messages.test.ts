/** Golden bytes of RoadRunner's messages, written apart from the code under test. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PbfReader, PbfWriter } from 'pbf'
import type { ProtoMessage } from '../../../src/ipc/rpc/procedure.js'
import { declaredConfig } from '../../../src/plugins/jobs/declare.js'
import {
  declareRequest,
  emptyMessage,
  pipelinesMessage,
  pushBatchRequest,
  pushRequest,
  statsMessage,
} from '../../../src/plugins/jobs/messages.js'
import { sqsPart } from '../../../src/plugins/sqs/part.js'

function read<T>(message: ProtoMessage<T>, hex: string): T {
  const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex')
  return message.read(new PbfReader(bytes), bytes.length)
}

function written<T>(message: ProtoMessage<T>, value: T): string {
  const writer = new PbfWriter()
  message.write(value, writer)
  return Buffer.from(writer.finish()).toString('hex')
}

const hex = (text: string) => Buffer.from(text).toString('hex')
// Job: 1 job "a.B", 2 id "i1", 3 payload "{}", 4 headers {"k": ["v", ""]}, 5 options {1: 3, 2: "mail", 3: 60, 6: true, 7: "t"}
const job = [
  `0a03 ${hex('a.B')} 1202 ${hex('i1')} 1a02 ${hex('{}')}`,
  `220a 0a01 ${hex('k')} 1205 0a01 ${hex('v')} 0a00`,
  `2a0f 0803 1204 ${hex('mail')} 183c 3001 3a01 ${hex('t')}`,
].join(' ')
const jobBytes = Buffer.from(job.replaceAll(' ', ''), 'hex').length.toString(16)

const expected = {
  job: 'a.B',
  id: 'i1',
  text: '{}',
  headers: { k: { value: ['v', ''] } },
  options: { priority: 3, topic: 't', pipeline: 'mail', delay: 60, auto_ack: true },
}

function plain({ job: message }: { readonly job?: object | undefined }) {
  const { entries: _, payload: __, ...rest } = Object(message)
  return rest
}

test('jobs are read with RoadRunner’s field numbers, alone and in a batch', () => {
  assert.deepEqual(plain(read(pushRequest, `0a${jobBytes} ${job}`)), expected)
  const { jobs = [] } = read(pushBatchRequest, `0a${jobBytes} ${job} 0a${jobBytes} ${job}`)
  assert.deepEqual(
    jobs.map((one) => plain({ job: one })),
    [expected, expected],
  )
  assert.deepEqual(read(pushRequest, ''), {})
})

test('a payload is a text where that is the same and short, and its own bytes else', () => {
  const payloads = [
    Buffer.from('ü'),
    Buffer.from([0, 0x7f, 0x80]),
    Buffer.alloc(5000, 'x'),
    Buffer.from('\0~'),
    Buffer.alloc(0),
  ]
  const written = payloads.map((payload) => {
    const writer = new PbfWriter()
    writer.writeMessage(
      1,
      (bytes: Buffer, inner) => {
        inner.writeBytesField(3, bytes)
        inner.writeStringField(2, 'behind')
      },
      payload,
    )
    return Buffer.from(writer.finish()).toString('hex')
  })
  const jobs = written.map((text) => read(pushRequest, text).job)
  assert.deepEqual(
    jobs.map((one) => Buffer.from(one?.text ?? one?.payload ?? '?')),
    payloads,
  )
  assert.deepEqual(
    jobs.map((one) => [one?.text === undefined, one?.id]),
    [true, true, true, false, false].map((isBytes) => [isBytes, 'behind']),
  )
})

test('negative numbers and unknown fields do not disturb the others', () => {
  const { job: message } = read(pushRequest, `0a12 9a06 0178 2a0d 08ffffffffffffffffff01 4801`)
  assert.deepEqual(Object(message).options, { priority: -1 })
})

test('names of pipelines and the keys of a declaration are read and written', () => {
  const names = `0a04 ${hex('mail')} 0a03 ${hex('sms')}`
  assert.deepEqual(read(pipelinesMessage, names), { pipelines: ['mail', 'sms'] })
  assert.equal(written(pipelinesMessage, { pipelines: ['mail', 'sms'] }), names.replaceAll(' ', ''))
  const keys = `0a0c 0a04 ${hex('name')} 1204 ${hex('mail')} 0a07 0a01 ${hex('p')} 1202 ${hex('10')}`
  assert.deepEqual(read(declareRequest, keys), { pipeline: { name: 'mail', p: '10' } })
  assert.deepEqual([read(emptyMessage, ''), written(emptyMessage, {})], [{}, ''])
})

test('statistics are written with RoadRunner’s field numbers, and zero fields are left out', () => {
  const stat = {
    pipeline: 'mail',
    driver: 'sqs',
    queue: 'q',
    active: 300,
    delayed: 1,
    reserved: 2,
    ready: true,
    priority: 10,
  }
  const bytes = `0a04${hex('mail')} 1203${hex('sqs')} 1a01${hex('q')} 20ac02 2801 3002 3801 400a`
  const all = bytes.replaceAll(' ', '')
  assert.equal(written(statsMessage, { stats: [stat] }), `0a${(all.length / 2).toString(16)}${all}`)
  assert.equal(written(statsMessage, { stats: [{ pipeline: 'm' }] }), `0a030a01${hex('m')}`)
})

test('the texts of a declaration become the values of its driver’s keys', () => {
  const { properties } = sqsPart
  const queue = 'http://127.0.0.1:4566/000000000000/mail'
  assert.deepEqual(
    declaredConfig({ driver: 'sqs', name: 'm', queue, wait_time: '5', tags: '{"team":"a"}' }, properties),
    {
      queue,
      skip_queue_declaration: false,
      attributes: {},
      tags: { team: 'a' },
      priority: 10,
      prefetch: 10,
      visibility_timeout: 0,
      error_visibility_timeout: 0,
      wait_time_seconds: 5,
      message_group_id: undefined,
    },
  )
  assert.throws(
    () => declaredConfig({ queue: 'a mail' }, properties),
    /"queue": "a mail" is not the name or the URL of a queue/,
  )
  const needed = { queue: { type: 'string', required: true } } as const
  assert.throws(() => declaredConfig({}, needed), /"queue" is missing/)
  assert.throws(
    () => declaredConfig({ queue, prefetch: '11' }, properties),
    /"11" is not a number from 1 to 10/,
  )
  const more = { flag: { type: 'boolean' }, list: { type: 'array', items: { type: 'string' } } } as const
  assert.deepEqual(declaredConfig({ flag: 'true', list: '["a"]' }, more), { flag: true, list: ['a'] })
  assert.throws(() => declaredConfig({ flag: 'yes' }, more), /"yes" is not true or false/)
  assert.throws(() => declaredConfig({ list: '{}' }, more), /"list" is not a list in JSON/)
})
