/** The decoder against any chunking, any corruption and any junk. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ErrorCode } from '../../src/core/errors.js'
import { FrameDecoder } from '../../src/ipc/decoder.js'
import { encodeFrame, type Frame } from '../../src/ipc/frame.js'
import { decode, keepingDecoder, testLimits } from './decoding.js'

const seed = 20_261
const anyByte = fc.nat(255)
const anyPayload = fc
  .oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.nat(20_000).map((length) => Buffer.alloc(length, 0x14)),
  )
  .map((bytes) => Buffer.from(bytes))
const anyFrame: fc.Arbitrary<Frame> = fc.record(
  {
    flags: anyByte,
    stream: anyByte,
    options: fc.array(fc.nat(0xffffffff), { maxLength: 10 }),
    payload: anyPayload,
  },
  { noNullPrototype: true },
)
const anySizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 30_000 })), {
  maxLength: 8,
})
// No byte of it can begin a header, so all of it is known to be junk at once.
const anyText = fc.string({ unit: fc.constantFrom(...'abc xyz\n{}"'), minLength: 1, maxLength: 60 })

const bytesOf = ({ flags, stream, options, payload }: Frame) =>
  encodeFrame({ flags, stream, options, head: payload })
const small = { flags: 0x04, stream: 0, options: [2], payload: Buffer.from('{}hi') } as const

test('any frames in any chunking come out byte for byte', () => {
  const property = fc.property(fc.array(anyFrame, { maxLength: 6 }), anySizes, (frames, sizes) => {
    const decoded = decode(Buffer.concat(frames.map(bytesOf)), sizes)
    assert.deepEqual(decoded.frames, frames)
    assert.deepEqual([decoded.junk, decoded.fault, decoded.decoder.bufferedBytes], [[], undefined, 0])
  })
  fc.assert(property, { seed, numRuns: 300 })
})

test('junk between frames comes out whole and costs no frame, in any chunking', () => {
  const property = fc.property(
    fc.array(fc.tuple(anyText, anyFrame), { maxLength: 5 }),
    anySizes,
    (parts, sizes) => {
      const bytes = parts.flatMap(([text, frame]) => [Buffer.from(text), bytesOf(frame)])
      const decoded = decode(Buffer.concat(bytes), sizes)
      assert.deepEqual(
        decoded.frames,
        parts.map(([, frame]) => frame),
      )
      assert.equal(Buffer.concat(decoded.junk).toString(), parts.map(([text]) => text).join(''))
    },
  )
  fc.assert(property, { seed, numRuns: 200 })
})

test('whatever comes, every byte is handed out or held back, none twice', () => {
  // Bytes that can begin a header are made frequent, and so are whole headers.
  const anyBytes = fc
    .array(
      fc.oneof(
        fc.uint8Array({ maxLength: 30 }),
        fc.constantFrom(0x13, 0x14, 0x1d).map((byte) => Uint8Array.of(byte)),
        anyFrame.map((frame) => bytesOf(frame).subarray(0, 14)),
      ),
      { maxLength: 10 },
    )
    .map((parts) => Buffer.concat(parts))
  const property = fc.property(anyBytes, anySizes, (bytes, sizes) => {
    const { decoder, frames, junk, fault } = decode(bytes, sizes)
    if (fault !== undefined) return
    const taken = frames.reduce(
      (sum, { options, payload }) => sum + 12 + 4 * options.length + payload.length,
      0,
    )
    const strayed = junk.reduce((sum, piece) => sum + piece.length, 0)
    assert.equal(taken + strayed + decoder.bufferedBytes, bytes.length)
  })
  fc.assert(property, { seed, numRuns: 500 })
})

test('a header field that was flipped is noticed, and the next frame comes out', () => {
  const property = fc.property(
    anyFrame,
    fc.nat(9),
    fc.integer({ min: 1, max: 255 }),
    anySizes,
    (frame, at, mask, sizes) => {
      const bytes = bytesOf({ ...frame, payload: frame.payload.subarray(0, 500) })
      bytes[at] = (bytes[at] as number) ^ mask
      const decoded = decode(Buffer.concat([bytes, bytesOf(small)]), sizes)
      assert.deepEqual(decoded.frames, [small])
      assert.deepEqual(Buffer.concat(decoded.junk), bytes)
    },
  )
  fc.assert(property, { seed, numRuns: 500 })
})

test('a flip behind the checked header changes that field and nothing else', () => {
  const bytes = bytesOf(small)
  for (let at = 10; at < bytes.length; at += 1) {
    const flipped = Buffer.from(bytes)
    flipped[at] = (flipped[at] as number) ^ 0x01
    const [frame, next] = decode(Buffer.concat([flipped, bytes])).frames
    assert.ok(frame)
    assert.equal(frame.flags, small.flags)
    assert.equal(frame.payload.length, small.payload.length)
    assert.deepEqual(next, small)
  }
})

test('a frame that lies in one chunk is not copied', () => {
  const chunk = bytesOf(small)
  let isView = false
  const viewing = new FrameDecoder(testLimits, {
    frame: ({ payload }) => {
      isView = payload.buffer === chunk.buffer
    },
    junk: () => undefined,
  })
  viewing.push(chunk)
  assert.ok(isView)
})

test('text is handed out at once, without waiting for a frame', () => {
  const { decoder, junk } = keepingDecoder()
  decoder.push(Buffer.from('PHP Warning: hello\n'))
  assert.equal(Buffer.concat(junk).toString(), 'PHP Warning: hello\n')
  assert.equal(decoder.bufferedBytes, 0)
})

test('a text’s last byte that could begin a header waits for the next bytes, as header or as text', () => {
  const text = Buffer.from('device control \x14')
  const asText = keepingDecoder()
  asText.decoder.push(text)
  assert.equal(asText.decoder.bufferedBytes, 1)
  asText.decoder.push(Buffer.from(' and more text'))
  assert.equal(Buffer.concat(asText.junk).toString(), 'device control \x14 and more text')

  const asHeader = keepingDecoder()
  asHeader.decoder.push(Buffer.concat([text.subarray(0, -1), bytesOf(small).subarray(0, 1)]))
  asHeader.decoder.push(bytesOf(small).subarray(1))
  assert.equal(Buffer.concat(asHeader.junk).toString(), 'device control ')
  assert.deepEqual(asHeader.frames, [small])
})

test('a payload of the limit passes, one byte more is a fault that names both numbers', () => {
  const { payloadBytesMax } = testLimits
  const [frame] = decode(bytesOf({ ...small, payload: Buffer.alloc(payloadBytesMax) }), [999]).frames
  assert.equal(frame?.payload.length, payloadBytesMax)

  const tooLong = bytesOf({ ...small, payload: Buffer.alloc(payloadBytesMax + 1) })
  const { decoder, fault, frames } = decode(tooLong.subarray(0, 12))
  assert.equal(fault?.code, ErrorCode.FrameTooLarge)
  assert.match(fault?.message ?? '', /100001 bytes.* 100000/)
  assert.equal(decoder.bufferedBytes, 0)
  // And it stays: what follows could be anything.
  assert.equal(decoder.push(bytesOf(small)), fault)
  assert.deepEqual(frames, [])
})

test('too much junk is a fault that shows how it began, in any chunking', () => {
  const bytes = Buffer.concat([Buffer.from('\x00\x01Fatal: no'), Buffer.alloc(testLimits.junkBytesMax, 'x')])
  for (const size of [1, 7, 500, bytes.length]) {
    const { decoder, fault, junk } = decode(bytes, [size])
    assert.equal(fault?.code, ErrorCode.BadFrame)
    assert.match(fault?.message ?? '', /0001466174616c3a206e6f78/)
    assert.match(fault?.message ?? '', /"\.\.Fatal: nox/)
    assert.ok(Buffer.concat(junk).length > testLimits.junkBytesMax, 'what came is handed out first')
    assert.equal(decoder.push(bytesOf(small)), fault)
    assert.equal(decoder.bufferedBytes, 0)
  }
})

test('junk is counted anew after each frame', () => {
  const text = Buffer.alloc(testLimits.junkBytesMax, 'x')
  const bytes = Buffer.concat([text, bytesOf(small), text, bytesOf(small), text])
  const { frames, fault } = decode(bytes, [333])
  assert.deepEqual([frames, fault], [[small, small], undefined])
})

test('at the end, the begin of a header is junk and the begin of a frame is a fault', () => {
  const bytes = bytesOf(small)
  const header = decode(bytes.subarray(0, 5))
  assert.equal(header.decoder.end(), undefined)
  assert.deepEqual(Buffer.concat(header.junk), bytes.subarray(0, 5))

  const frame = decode(bytes.subarray(0, -1))
  assert.equal(frame.decoder.bufferedBytes, bytes.length - 1)
  const fault = frame.decoder.end()
  assert.equal(fault?.code, ErrorCode.RelayClosed)
  assert.match(fault?.message ?? '', new RegExp(`${bytes.length - 1} of ${bytes.length} bytes`))
  assert.deepEqual([frame.junk, frame.decoder.bufferedBytes], [[], 0])

  assert.equal(decode(bytes).decoder.end(), undefined)
})
