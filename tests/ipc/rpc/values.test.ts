/** Values of RPC in each codec: what each gives a procedure and its client, and what hostile bytes may cost. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { PbfReader, PbfWriter } from 'pbf'
import { FrameFlag } from '../../../src/ipc/frame.js'
import { type RpcMessage, rpcBytesMax } from '../../../src/ipc/rpc/codec.js'
import type { ProcedureCodecs } from '../../../src/ipc/rpc/procedure.js'
import { decodeInput, encodeAnswer } from '../../../src/ipc/rpc/values.js'

function request(codec: number, data: Uint8Array | string): RpcMessage {
  return { sequence: 1, method: 'a.M', codec, isError: false, data: Buffer.from(data) }
}

/** As `pbf` generates it from `message Item { string key = 1; repeated uint32 counts = 2 [packed = false]; }`. */
interface Item {
  key: string
  counts: number[]
}
const item = {
  read(pbf: PbfReader, end?: number): Item {
    const found: Item = { key: '', counts: [] }
    for (let field = pbf.nextField(end); field !== 0; field = pbf.nextField(end)) {
      if (field === 1) found.key = pbf.readString()
      else if (field === 2) found.counts.push(pbf.readVarint())
    }
    return found
  },
  write({ key, counts }: Item, pbf: PbfWriter) {
    pbf.writeStringField(1, key)
    for (const count of counts) pbf.writeVarintField(2, count)
  },
}
const proto: ProcedureCodecs = { request: item, reply: item }

test('JSON and MSGPACK give the same values, both ways', async () => {
  await fc.assert(
    fc.asyncProperty(fc.jsonValue(), async (given) => {
      // MSGPACK refuses this key.
      fc.pre(!JSON.stringify(given).includes('__proto__'))
      const expected = JSON.parse(JSON.stringify(given))
      for (const codec of [FrameFlag.json, FrameFlag.msgpack]) {
        const bytes = await encodeAnswer({}, codec, expected)
        assert.deepEqual(await decodeInput({}, request(codec, bytes)), expected)
      }
    }),
    { numRuns: 100, seed: 7, interruptAfterTimeLimit: 5000 },
  )
})

test('MSGPACK is what RoadRunner’s clients send', async () => {
  const cases: readonly [hex: string, value: unknown][] = [
    ['c0', null],
    ['a46e616d65', 'name'],
    ['82a161cc80a162cd0100', { a: 128, b: 256 }],
    ['93c3c2cb3ff8000000000000', [true, false, 1.5]],
    ['d1ff00', -256],
    ['dc000201ff', [1, -1]],
    ['d903616263', 'abc'],
    ['c403010203', Buffer.from([1, 2, 3])],
  ]
  for (const [hex, value] of cases) {
    const decoded = await decodeInput({}, request(FrameFlag.msgpack, Buffer.from(hex, 'hex')))
    assert.deepEqual(decoded instanceof Uint8Array ? Buffer.from(decoded) : decoded, value, hex)
  }
  assert.equal(await decodeInput({}, request(FrameFlag.msgpack, '')), undefined)
})

test('bytes that are not one whole MSGPACK value are refused before anything is allocated for them', async () => {
  const hostile = [
    'c1', // no type
    '92', // an array without its items
    '9201', // one of two
    '0101', // two values
    'dd7fffffff', // an array of two billion
    'df7fffffff',
    'dbffffffff61',
    'c6ffffffff',
    'a5', // a text without its bytes
    'cb00', // half a number
    '81a95f5f70726f746f5f5f01', // the key __proto__
    '8193010203', // half an entry
  ]
  // Each header claims as many items as bytes follow: decoded without a check, these 64 KB would take gigabytes.
  const nested = Buffer.alloc(65_535)
  for (let at = 0; at + 3 <= nested.length; at += 3) nested.set([0xdc, 0xff, 0xff], at)
  for (const bytes of [...hostile.map((hex) => Buffer.from(hex, 'hex')), nested]) {
    const decoding = decodeInput({}, request(FrameFlag.msgpack, bytes))
    await assert.rejects(
      decoding,
      { message: 'rpc: the argument is not MSGPACK' },
      bytes.toString('hex', 0, 12),
    )
  }
})

test('a value that a codec cannot express is an error', async () => {
  const circle: { self?: unknown } = {}
  circle.self = circle
  for (const codec of [FrameFlag.json, FrameFlag.msgpack]) {
    await assert.rejects(encodeAnswer({}, codec, circle))
    await assert.rejects(encodeAnswer({}, codec, { big: 10n }))
  }
  assert.deepEqual(await encodeAnswer({}, FrameFlag.msgpack, { a: undefined }), Uint8Array.of(0x80))
})

test('PROTO is read and written by the messages that the procedure names', async () => {
  const bytes = Buffer.from('0a036d656d10011002', 'hex')
  const value = { key: 'mem', counts: [1, 2] }
  assert.deepEqual(await decodeInput(proto, request(FrameFlag.proto, bytes)), value)
  assert.deepEqual(Buffer.from(await encodeAnswer(proto, FrameFlag.proto, value)), bytes)
  assert.deepEqual(await decodeInput(proto, request(FrameFlag.proto, '')), { key: '', counts: [] })
})

test('bytes that are not the protobuf message are refused', async () => {
  for (const hex of ['0a7f61', '0a', 'ffffffffffffffffffffff', '0001', '0b', '10ffffffffffffffffffff01']) {
    const decoding = decodeInput(proto, request(FrameFlag.proto, Buffer.from(hex, 'hex')))
    await assert.rejects(decoding, /not the protobuf message/, hex)
  }
})

test('an answer may have 64 MB and not a byte more', async () => {
  const whole = await encodeAnswer({ raw: true }, FrameFlag.raw, Buffer.alloc(rpcBytesMax))
  assert.equal(whole.length, rpcBytesMax)
  const over = encodeAnswer({ raw: true }, FrameFlag.raw, Buffer.alloc(rpcBytesMax + 1))
  await assert.rejects(over, /has 67108865 bytes, 67108864 fit/)
})

test('a fault of JSON does not quote it', async () => {
  const decoding = decodeInput({}, request(FrameFlag.json, '{"password":'))
  await assert.rejects(decoding, { message: 'rpc: the argument is not JSON' })
})

test('RAW gives bytes, and takes text or bytes', async () => {
  const codecs: ProcedureCodecs = { raw: true }
  assert.deepEqual(await decodeInput(codecs, request(FrameFlag.raw, 'hi')), Buffer.from('hi'))
  assert.equal(await encodeAnswer(codecs, FrameFlag.raw, 'text'), 'text')
  assert.deepEqual(await encodeAnswer(codecs, FrameFlag.raw, Buffer.of(1)), Buffer.of(1))
  await assert.rejects(encodeAnswer(codecs, FrameFlag.raw, { a: 1 }), /has to be text or bytes/)
})

test('a procedure takes the codecs for which it says what its input is', async () => {
  const input = { type: 'string' }
  const [json, pack, protobuf, raw, gob] = ['JSON', 'MSGPACK', 'PROTO', 'RAW', 'GOB']
  const cases: readonly [codecs: ProcedureCodecs, refused: readonly (string | undefined)[]][] = [
    [{}, [protobuf, raw, gob]],
    [{ input }, [protobuf, raw, gob]],
    [proto, [json, pack, raw, gob]],
    [{ ...proto, input }, [raw, gob]],
    [{ raw: true }, [json, pack, protobuf, gob]],
    [{ raw: true, input }, [protobuf, gob]],
  ]
  const flags = [
    [json, FrameFlag.json],
    [pack, FrameFlag.msgpack],
    [protobuf, FrameFlag.proto],
    [raw, FrameFlag.raw],
    [gob, FrameFlag.gob],
  ] as const
  for (const [codecs, refused] of cases) {
    for (const [name, flag] of flags) {
      const decoding = decodeInput(codecs, request(flag, ''))
      if (refused.includes(name))
        await assert.rejects(decoding, { message: `rpc: a.M does not take ${name} requests` })
      else await decoding
    }
  }
})
