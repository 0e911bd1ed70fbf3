import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Frame, FrameFlag } from '../../../src/ipc/frame.js'
import { errorText, readRpc, rpcParts } from '../../../src/ipc/rpc/codec.js'

/** The frame as the other end reads it. */
function received({ flags, options, head, body }: ReturnType<typeof rpcParts>): Frame {
  assert.notEqual(options, 'head')
  const payload = Buffer.concat([Buffer.from(head ?? ''), Buffer.from(body ?? '')])
  return frame(flags, options === 'head' ? [] : options, payload)
}

function frame(flags: number, options: readonly number[], payload: Buffer): Frame {
  return { flags, options: [...options], stream: 0, payload }
}

test('a message that is written is read again, whatever its name, codec and bytes', () => {
  const codec = fc.constantFrom(0, FrameFlag.json, FrameFlag.raw, FrameFlag.proto, FrameFlag.msgpack)
  const messages = fc.record(
    {
      sequence: fc.integer({ min: 0, max: 0xffffffff }),
      method: fc.string({ unit: 'grapheme', maxLength: 20 }),
      codec,
      isError: fc.boolean(),
      data: fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
    },
    { noNullPrototype: true },
  )
  fc.assert(fc.property(messages, (given) => assert.deepEqual(readRpc(received(rpcParts(given))), given)))
})

const noMessages: readonly [why: string, given: Frame][] = [
  ['no options', frame(FrameFlag.json, [], Buffer.from('a.B'))],
  ['one option', frame(FrameFlag.json, [1], Buffer.from('a.B'))],
  ['three options', frame(FrameFlag.json, [1, 3, 0], Buffer.from('a.B'))],
  ['a name longer than the payload', frame(FrameFlag.json, [1, 4], Buffer.from('a.B'))],
  ['a name over 256 bytes', frame(0, [1, 257], Buffer.alloc(300))],
]
test('a frame with other options than a sequence and the length of a name is not a message', () => {
  for (const [why, given] of noMessages) assert.equal(readRpc(given), undefined, why)
})

test('the data of a message stays what it was when the buffer of the frame is used again', () => {
  const payload = Buffer.from('a.B{"n":1}')
  const read = readRpc(frame(FrameFlag.json, [1, 3], payload))
  payload.fill(0)
  assert.equal(read?.data.toString(), '{"n":1}')
})

test('whatever a method throws is answered with a text that is not empty and not endless', () => {
  assert.equal(errorText(new Error('lost')), 'lost')
  assert.match(errorText(new Error('')), /did not say why/)
  assert.equal(errorText('x'.repeat(100_000)).length, 64 * 1024)
})
