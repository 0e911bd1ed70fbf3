import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeReply, encodeRequest, type HttpHead } from '../../../src/work/http/message.js'
import { type ProtoEntry, protoFields, protoResponse } from '../../helpers/proto.js'

const head: HttpHead = {
  remoteAddr: '127.0.0.1',
  protocol: 'HTTP/1.1',
  method: 'GET',
  uri: 'http://x/',
  headers: { Host: ['x'] },
  cookies: { a: 'b' },
  rawQuery: 'z=1',
  attributes: { ipAddress: ['9.9.9.9'] },
  isParsed: false,
  uploads: undefined,
}

test('the protobuf request is byte for byte what PHP’s own classes made of the same call', () => {
  const bytes = encodeRequest(head, 'proto')
  assert.equal(
    Buffer.from(bytes).toString('hex'),
    '0a093132372e302e302e311208485454502f312e311a034745542209687474703a2f2f782f' +
      '2a0b0a04486f737412030a017832080a016112030a01623a037a3d31' +
      '52160a0969704164647265737312090a07392e392e392e39',
  )
})

test('the JSON request has the keys of RoadRunner’s older servers', () => {
  const uploads = '{"f":{"name":"a.txt"}}'
  assert.deepEqual(JSON.parse(String(encodeRequest({ ...head, isParsed: true, uploads }, 'json'))), {
    remoteAddr: '127.0.0.1',
    protocol: 'HTTP/1.1',
    method: 'GET',
    uri: 'http://x/',
    headers: { Host: ['x'] },
    cookies: { a: 'b' },
    rawQuery: 'z=1',
    parsed: true,
    uploads: { f: { name: 'a.txt' } },
    attributes: { ipAddress: ['9.9.9.9'] },
  })
  assert.equal(JSON.parse(String(encodeRequest(head, 'json'))).uploads, null)
})

test('every request comes out of protobuf as it went in, by the field numbers of http.v1', () => {
  const values = fc.dictionary(fc.string(), fc.array(fc.string({ unit: 'grapheme' }), { minLength: 1 }))
  const text = fc.string({ unit: 'grapheme' })
  const heads = fc.record({
    remoteAddr: text,
    protocol: text,
    method: text,
    uri: text,
    headers: values,
    cookies: fc.dictionary(fc.string(), text),
    rawQuery: text,
    isParsed: fc.boolean(),
    uploads: fc.option(fc.constant('{"a":1}'), { nil: undefined }),
    attributes: values,
  })
  const mapOf = (fields: readonly ProtoEntry[], number: number) =>
    fields
      .filter(({ field }) => field === number)
      .map(({ bytes }) => {
        const entry = protoFields(bytes)
        const list = protoFields(entry.find(({ field }) => field === 2)?.bytes ?? Buffer.alloc(0))
        return [
          String(entry.find(({ field }) => field === 1)?.bytes ?? ''),
          list.map(({ bytes: value }) => value.toString()),
        ]
      })
  fc.assert(
    fc.property(heads, (given) => {
      const fields = protoFields(Buffer.from(encodeRequest(given, 'proto')))
      const textAt = (number: number) => fields.find(({ field }) => field === number)?.bytes.toString() ?? ''
      assert.deepEqual([1, 2, 3, 4, 7, 9].map(textAt), [
        given.remoteAddr,
        given.protocol,
        given.method,
        given.uri,
        given.rawQuery,
        given.uploads ?? '',
      ])
      assert.deepEqual(mapOf(fields, 5), Object.entries(given.headers))
      const cookies = Object.entries(given.cookies).map(([name, value]) => [name, [value]])
      assert.deepEqual(mapOf(fields, 6), cookies)
      assert.deepEqual(mapOf(fields, 10), Object.entries(given.attributes))
      assert.equal(
        fields.some(({ field, number }) => field === 8 && number === 1),
        given.isParsed,
      )
    }),
  )
})

test('the protobuf answer of PHP’s own classes is read', () => {
  const bytes = Buffer.from('08c901120d0a03582d4d12060a01610a0162', 'hex')
  assert.deepEqual(decodeReply(bytes), { status: 201, headers: { 'X-M': ['a', 'b'] } })
})

test('every answer is read from either codec as it was meant', () => {
  const names = fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,9}$/)
  const value = fc.stringMatching(/^([!-~]([ -~]{0,9}[!-~])?)?$/)
  const headers = fc.uniqueArray(fc.tuple(names, fc.array(value, { minLength: 1 })), {
    selector: ([name]) => name.toLowerCase(),
  })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 999 }), headers, (status, lists) => {
      const expected = { status, headers: Object.fromEntries(lists) }
      assert.deepEqual(decodeReply(Buffer.from(JSON.stringify(expected))), expected)
      assert.deepEqual(decodeReply(protoResponse(status, lists)), expected)
    }),
  )
})

test('names in other letters are one header; names that are none and empty lists are left out', () => {
  const lists: [string, string[]][] = [
    ['Set-Cookie', ['a']],
    ['set-cookie', ['b']],
    ['a b', ['c']],
    ['', ['d']],
    ['X-Empty', []],
  ]
  const expected = { status: 200, headers: { 'Set-Cookie': ['a', 'b'] } }
  const json = JSON.stringify({ status: 200, headers: Object.fromEntries(lists) })
  assert.deepEqual(decodeReply(Buffer.from(json)), expected)
  assert.deepEqual(decodeReply(protoResponse(200, lists)), expected)
})

test('names that objects inherit are headers like any other', () => {
  const json = '{"status":200,"headers":{"__proto__":["a"],"constructor":["b"]}}'
  for (const bytes of [
    Buffer.from(json),
    protoResponse(200, [
      ['__proto__', ['a']],
      ['constructor', ['b']],
    ]),
  ])
    assert.deepEqual(Object.entries(decodeReply(bytes).headers), [
      ['__proto__', ['a']],
      ['constructor', ['b']],
    ])
})

test('a line break in a value begins no header of its own', () => {
  const json = JSON.stringify({ status: 200, headers: { Location: ['/x\r\nSet-Cookie: a=1'] } })
  assert.deepEqual(decodeReply(Buffer.from(json)).headers, { Location: ['/x  Set-Cookie: a=1'] })
})

test('a value that is no UTF-8 is Latin-1', () => {
  const bytes = protoResponse(200, [['X-A', [Buffer.from([0xe4])]]])
  assert.deepEqual(decodeReply(bytes).headers, { 'X-A': ['ä'] })
})

test('an answer without a status, or that is neither codec, is refused with a sentence', () => {
  const contexts = [
    '',
    '{}',
    '{"status":"x"}',
    '{"status":1.5}',
    '{"status"',
    '[]',
    'text',
    '\x08',
    '\x0a\xff\xff',
  ]
  for (const context of contexts)
    assert.throws(() => decodeReply(Buffer.from(context, 'latin1')), Error, JSON.stringify(context))
})

test('whatever bytes a worker sends, reading them ends, with an answer or an Error', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        assert.equal(typeof decodeReply(bytes).status, 'number')
      } catch (error) {
        assert.ok(error instanceof Error && !(error instanceof TypeError) && !(error instanceof RangeError))
      }
    }),
    { numRuns: 2000 },
  )
})
