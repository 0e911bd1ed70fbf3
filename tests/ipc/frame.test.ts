/** The writer against frames that Goridge's own PHP package packed, and the reader against the same. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { ErrorCode, hasCode } from '../../src/core/errors.js'
import { encodeFrame, encodeFrameHead, type FrameParts, headerCrc } from '../../src/ipc/frame.js'
import { decode } from './decoding.js'

const seed = 20_260
const tenOptions = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
const httpRequest = Buffer.from(
  '0a093132372e302e302e311208485454502f312e311a034745542209687474703a2f2f782f2a0b0a04486f737412030a0178' +
    '32080a016112030a01623a037a3d3152160a0969704164647265737312090a07392e392e392e39',
  'hex',
)
const httpResponse = Buffer.from('08c901120d0a03582d4d12060a01610a0162', 'hex')
const jobsPush = Buffer.from(
  '0a240a054170705c4a120275311a027b7d22080a016812030a01312a09080a12017018053001',
  'hex',
)

const known: readonly (readonly [name: string, parts: FrameParts, hex: string])[] = [
  ['empty, no options', { flags: 0, options: [], head: '' }, '130000000000 96d18034 0000'],
  [
    'PID reply',
    { flags: 0x01, options: [], head: '{"pid":1234}' },
    '13010c000000 9e473643 0000 7b22706964223a313233347d',
  ],
  [
    'PID request',
    { flags: 0x09, options: [], head: '{"pid":1}' },
    '130909000000 6dfc9844 0000 7b22706964223a317d',
  ],
  [
    'stop',
    { flags: 0x09, options: [], head: '{"stop":true}' },
    '13090d000000 3a6bfacb 0000 7b2273746f70223a747275657d',
  ],
  [
    'job, RAW',
    { flags: 0x04, options: 'head', head: 'hello', body: 'world' },
    '14040a000000 8aa7b8b3 0000 05000000 68656c6c6f776f726c64',
  ],
  [
    'job, JSON',
    { flags: 0x08, options: 'head', head: '{}', body: 'hi' },
    '140804000000 b83d9796 0000 02000000 7b7d6869',
  ],
  [
    'job, PROTO',
    { flags: 0x80, options: 'head', head: Buffer.from('08c801', 'hex'), body: 'ok' },
    '148005000000 8ea1bdaf 0000 03000000 08c801 6f6b',
  ],
  [
    'reply without a codec flag',
    { flags: 0, options: 'head', head: '{}', body: 'hi' },
    '140004000000 7976e7a6 0000 02000000 7b7d6869',
  ],
  ['error', { flags: 0x40, options: [], head: 'boom' }, '134004000000 881e11e3 0000 626f6f6d'],
  [
    'chunk of a stream',
    { flags: 0, stream: 0x01, options: 'head', head: '', body: 'chunk' },
    '140005000000 1c115b1e 0100 00000000 6368756e6b',
  ],
  [
    'the same with PING',
    { flags: 0, stream: 0x05, options: 'head', head: '', body: 'chunk' },
    '140005000000 1c115b1e 0500 00000000 6368756e6b',
  ],
  [
    'end of a cancelled stream',
    { flags: 0, options: 'head', head: '' },
    '140000000000 2ee18529 0000 00000000',
  ],
  ['PONG', { flags: 0, stream: 0x08, options: [], head: '' }, '130000000000 96d18034 0800'],
  ['STOP of a stream', { flags: 0, stream: 0x02, options: [], head: '' }, '130000000000 96d18034 0200'],
  [
    'self-stop of a worker',
    { flags: 0, options: 'head', head: '{"stop":true}' },
    '14000d000000 f339efdb 0000 0d000000 7b2273746f70223a747275657d',
  ],
  [
    'RPC request, JSON',
    { flags: 0x08, options: [1, 13], head: 'informer.List', body: 'true' },
    '150811000000 b0490c3a 0000 01000000 0d000000 696e666f726d65722e4c697374 74727565',
  ],
  [
    'RPC request, RAW',
    { flags: 0x04, options: [7, 7], head: 'app.Log', body: 'hi' },
    '150409000000 c1db516a 0000 07000000 07000000 6170702e4c6f67 6869',
  ],
  [
    'RPC error, JSON',
    { flags: 0x48, options: [1, 3], head: 'x.Y', body: "rpc: can't find service x.Y" },
    '15481e000000 af019c3a 0000 01000000 03000000 782e59' +
      '7270633a2063616e27742066696e64207365727669636520782e59',
  ],
  [
    'ten options',
    { flags: 0x04, options: tenOptions, head: 'x' },
    `1d0401000000 4371b643 0000 ${tenOptions.map((word) => `0${word.toString(16)}000000`).join('')} 78`,
  ],
  [
    'an HTTP request',
    { flags: 0x80, options: 'head', head: httpRequest },
    `148059000000 9411662e 0000 59000000 ${httpRequest.toString('hex')}`,
  ],
  [
    'an HTTP response',
    { flags: 0x80, options: 'head', head: httpResponse, body: 'hi' },
    `148014000000 74911847 0000 12000000 ${httpResponse.toString('hex')} 6869`,
  ],
  [
    'jobs.Push over RPC',
    { flags: 0x80, options: [1, 9], head: 'jobs.Push', body: jobsPush },
    `15802f000000 713d6eab 0000 01000000 09000000 6a6f62732e50757368 ${jobsPush.toString('hex')}`,
  ],
]

const bytesOf = (part: Uint8Array | string | undefined) => Buffer.from(part ?? '')

test('known frames are written byte for byte', () => {
  for (const [name, parts, hex] of known) {
    assert.equal(encodeFrame(parts).toString('hex'), hex.replaceAll(' ', ''), name)
  }
})

test('known frames are read field by field, in any chunking', () => {
  for (const [name, parts, hex] of known) {
    const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex')
    for (let size = 1; size <= bytes.length; size += 1) {
      const { frames, junk, fault } = decode(bytes, [size])
      assert.deepEqual([junk, fault], [[], undefined], name)
      const options = parts.options === 'head' ? [bytesOf(parts.head).length] : parts.options
      const payload = Buffer.concat([bytesOf(parts.head), bytesOf(parts.body)])
      assert.deepEqual(frames, [{ flags: parts.flags, stream: parts.stream ?? 0, options, payload }], name)
    }
  }
})

test('text is written as UTF-8 and its option counts bytes', () => {
  const frame = encodeFrame({ flags: 0x08, options: 'head', head: '"žluť"', body: 'kůň 🐎' })
  assert.equal(frame.readUInt32LE(12), Buffer.byteLength('"žluť"'))
  assert.equal(frame.toString('utf8', 16), '"žluť"kůň 🐎')
})

test('the header without its body announces the whole payload', () => {
  const parts: FrameParts = { flags: 0x04, options: 'head', head: 'head', body: 'a body' }
  const head = encodeFrameHead(parts)
  assert.deepEqual(Buffer.concat([head, Buffer.from('a body')]), encodeFrame(parts))
})

test('more than ten options and payloads over 32 bits are refused', () => {
  const eleven = [...tenOptions, 11]
  assert.throws(
    () => encodeFrame({ flags: 0, options: eleven, head: '' }),
    (error: unknown) => hasCode(error, ErrorCode.BadFrame),
  )
  // Only its length is asked for: nobody has 4 GB to spare for a test.
  const body = Object.defineProperty(new Uint8Array(0), 'length', { value: 2 ** 32 })
  assert.throws(
    () => encodeFrame({ flags: 0, options: 'head', head: '', body }),
    (error: unknown) => hasCode(error, ErrorCode.FrameTooLarge),
  )
})

test('the checksum is the CRC-32 of zlib', () => {
  const sixBytes = fc.uint8Array({ minLength: 6, maxLength: 6 })
  const property = fc.property(sixBytes, fc.nat(5), (bytes, at) => {
    const padded = Buffer.concat([Buffer.alloc(at, 0xff), bytes])
    assert.equal(headerCrc(padded, at), crc32(bytes))
  })
  fc.assert(property, { seed, numRuns: 500 })
})
