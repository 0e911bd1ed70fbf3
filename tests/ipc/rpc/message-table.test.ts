import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PbfReader, PbfWriter } from 'pbf'
import { protoMessage } from '../../../src/ipc/rpc/message-table.js'

const inner = protoMessage({ key: [1, 'string'], value: [2, 'bytes'] })
const outer = protoMessage({
  text: [1, 'string'],
  items: [2, [inner]],
  names: [3, ['string']],
  count: [4, 'int'],
  isOn: [5, 'bool'],
  env: [6, { map: 'string' }],
  one: [7, inner],
  share: [8, 'float'],
  exact: [9, 'double'],
})

function bytesOf(value: Parameters<typeof outer.write>[0]): Buffer {
  const writer = new PbfWriter()
  outer.write(value, writer)
  return Buffer.from(writer.finish())
}

const read = (bytes: Uint8Array) => outer.read(new PbfReader(bytes), bytes.length)

const empty = {
  text: '',
  items: [],
  names: [],
  count: 0,
  isOn: false,
  env: {},
  one: undefined,
  share: 0,
  exact: 0,
}

test('a message of defaults is empty, and an empty one has the defaults', () => {
  assert.equal(bytesOf(empty).length, 0)
  assert.deepEqual(read(Buffer.alloc(0)), empty)
})

test('every kind of field is read as it was written', () => {
  const item = (key: string) => ({ key, value: new Uint8Array([1, 2]) })
  const value = {
    text: 'é',
    items: [item('a'), item('b')],
    names: ['x', ''],
    count: -5,
    isOn: true,
    env: { A: '1', B: '' },
    one: item('c'),
    share: 0.5,
    exact: 0.1,
  }
  assert.deepEqual(read(bytesOf(value)), value)
})

test('the bytes are those of RoadRunner’s clients', () => {
  // kv.v1.Request {mem, [k=v until 2030]} as PHP's protobuf classes write it.
  const request = protoMessage({
    storage: [1, 'string'],
    items: [2, [protoMessage({ key: [1, 'string'], value: [2, 'bytes'], timeout: [3, 'string'] })]],
  })
  const hex = '0a036d656d12210a016b1201761a19323033302d30312d30315430303a30303a30302b30303a3030'
  const value = {
    storage: 'mem',
    items: [{ key: 'k', value: new Uint8Array([0x76]), timeout: '2030-01-01T00:00:00+00:00' }],
  }
  const bytes = Buffer.from(hex, 'hex')
  assert.deepEqual(request.read(new PbfReader(bytes), bytes.length), value)
  const writer = new PbfWriter()
  request.write(value, writer)
  assert.equal(Buffer.from(writer.finish()).toString('hex'), hex)
})

test('unknown fields are skipped, and `__proto__` is a key like any other', () => {
  const writer = new PbfWriter()
  writer.writeStringField(40, 'later')
  outer.write({ ...empty, text: 'x', env: Object.fromEntries([['__proto__', 'y']]) }, writer)
  const { text, env } = read(writer.finish())
  assert.equal(text, 'x')
  assert.deepEqual(Object.entries(env), [['__proto__', 'y']])
})
