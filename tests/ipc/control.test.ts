/** Tests which frames count as control messages. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pidReply, pidRequest, readControl, readPidReply, stopRequest } from '../../src/ipc/control.js'
import { encodeFrame, type FrameParts } from '../../src/ipc/frame.js'
import { decode } from './decoding.js'

const sent = (parts: FrameParts) => {
  const [frame] = decode(encodeFrame(parts)).frames
  assert.ok(frame)
  return frame
}
const control = (json: string) => sent({ flags: 0x01, options: [], head: json })

test('a PID reply comes back with its features', () => {
  for (const reply of [
    { pid: 1, features: [] },
    { pid: 4_194_304, features: ['prefetch', 'cancel'] },
  ]) {
    assert.deepEqual(readPidReply(sent(pidReply(reply))), reply)
  }
})

test('a reply without features is what every other worker sends', () => {
  assert.equal(sent(pidReply({ pid: 7, features: [] })).payload.toString(), '{"pid":7}')
})

test('only an integer over 0 in a control frame is a pid', () => {
  const lies = [
    '',
    '7',
    'null',
    '[]',
    '{}',
    '{"pid":0}',
    '{"pid":-1}',
    '{"pid":1.5}',
    '{"pid":"7"}',
    '{"pid":1e300}',
  ]
  for (const json of lies) assert.equal(readPidReply(control(json)), undefined, json)
  assert.equal(readPidReply(sent({ flags: 0x08, options: [], head: '{"pid":7}' })), undefined)
})

test('features that are not texts are left out', () => {
  assert.deepEqual(readPidReply(control('{"pid":7,"features":["a",1,null,"b"]}'))?.features, ['a', 'b'])
  assert.deepEqual(readPidReply(control('{"pid":7,"features":"a"}'))?.features, [])
})

test('what the server asks is read by a worker', () => {
  assert.deepEqual(readControl(sent(pidRequest(12))), { pid: 12 })
  assert.deepEqual(readControl(sent(stopRequest)), { stop: true })
  assert.equal(readControl(control('no JSON')), undefined)
})
