import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readReply } from '../../../../src/supervisor/worker/job/reply.js'

function answer(context: string, body: string, flags = 4) {
  const payload = Buffer.from(context + body)
  return readReply({ flags, stream: 0, options: [Buffer.byteLength(context)], payload })
}

test('a worker asks to leave with {"stop":true} and no body, however it is spaced', () => {
  for (const context of ['{"stop":true}', '{"stop": true}', ' { "stop" : true } ']) {
    assert.equal(answer(context, '').kind, 'self_stop', context)
  }
  for (const context of ['{"stop":false}', '{"stop":true,"more":1}', '{}', '"stop"']) {
    assert.equal(answer(context, '').kind, 'reply', context)
  }
  assert.equal(answer('{"stop":true}', 'x').kind, 'reply')
})

test('context and body are told apart by the option, any codec flag will do', () => {
  for (const flags of [0, 0x04, 0x08, 0x10, 0x80]) {
    const read = answer('{"a":1}', 'body', flags)
    assert.ok(read.kind === 'reply')
    assert.equal(Buffer.from(read.reply.context).toString(), '{"a":1}')
    assert.equal(Buffer.from(read.reply.body).toString(), 'body')
  }
})

test('what is not an answer says what it is', () => {
  const payload = Buffer.from('x')
  const bad: readonly [frame: Parameters<typeof readReply>[0], says: RegExp][] = [
    [{ flags: 1, stream: 0, options: [], payload }, /control/],
    [{ flags: 4, stream: 1, options: [0], payload }, /streamed/],
    [{ flags: 4, stream: 0, options: [], payload }, /0 options/],
    [{ flags: 4, stream: 0, options: [0, 0], payload }, /2 options/],
    [{ flags: 4, stream: 0, options: [2], payload }, /context has 2/],
  ]
  for (const [frame, says] of bad) {
    const read = readReply(frame)
    assert.match(read.kind === 'bad' ? read.what : '', says)
  }
})
