/** The handshake against a peer that answers, lies, prints, is silent or goes. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { ErrorCode } from '../../src/core/errors.js'
import { pidReply } from '../../src/ipc/control.js'
import { encodeFrame, type FrameParts } from '../../src/ipc/frame.js'
import { handshake } from '../../src/ipc/handshake.js'
import { memoryStreamPair } from '../../src/ipc/relays/memory-relay.js'
import { StreamRelay, sourceOf } from '../../src/ipc/relays/stream-relay.js'
import { testLimits } from './decoding.js'
import { ManualClock } from './manual-clock.js'

const timeoutMs = 1000
const reply = encodeFrame(pidReply({ pid: 77, features: ['prefetch'] }))
const job: FrameParts = { flags: 0x04, options: 'head', head: '{}', body: 'secret' }

/** A handshake with a peer that does `onAsked` as soon as it was asked. */
function begin(t: TestContext, onAsked: (peer: Duplex) => void, signal?: AbortSignal) {
  const [ours, peer] = memoryStreamPair()
  const relay = new StreamRelay(sourceOf(ours), ours, testLimits)
  t.after(() => relay.close())
  const asked = once(peer, 'data').then(([chunk]: Buffer[]) => {
    onAsked(peer)
    return chunk?.subarray(12).toString()
  })
  const clock = new ManualClock()
  let text = ''
  const done = handshake(relay, {
    ownPid: 12,
    timeoutMs,
    clock,
    onJunk: (bytes) => {
      text += bytes.toString()
    },
    ...(signal === undefined ? {} : { signal }),
  })
  return { done, asked, clock, relay, text: () => text }
}

test('the server says its pid and hears the worker’s, with its features', async (t) => {
  const { done, asked, clock } = begin(t, (peer) => peer.write(reply))
  assert.deepEqual(await done, { pid: 77, features: ['prefetch'] })
  assert.equal(await asked, '{"pid":12}')
  assert.equal(clock.timerCount, 0)
})

test('a peer that was asked before is only waited for', async (t) => {
  const [ours, peer] = memoryStreamPair()
  const relay = new StreamRelay(sourceOf(ours), ours, testLimits)
  t.after(() => relay.close())
  const sent: Buffer[] = []
  peer.on('data', (chunk: Buffer) => sent.push(chunk))
  const clock = new ManualClock()
  const done = handshake(relay, { ownPid: 12, timeoutMs, clock, isAsked: true, onJunk: () => undefined })
  peer.write(reply)
  assert.equal((await done).pid, 77)
  assert.deepEqual(sent, [])
})

test('what is printed before the reply is junk and does no harm', async (t) => {
  const { done, text } = begin(t, (peer) => {
    peer.write('Deprecated: hello\n')
    peer.write(reply)
  })
  assert.equal((await done).pid, 77)
  assert.equal(text(), 'Deprecated: hello\n')
})

test('a peer that goes before its reply is told from one that lies', async (t) => {
  await assert.rejects(begin(t, (peer) => peer.end()).done, {
    code: ErrorCode.RelayClosed,
    message: /before it reported that it is ready/,
  })
  await assert.rejects(begin(t, (peer) => peer.end(reply.subarray(0, -1))).done, {
    code: ErrorCode.RelayClosed,
    message: /ended within a frame/,
  })
  await assert.rejects(begin(t, (peer) => peer.write(Buffer.alloc(testLimits.junkBytesMax + 1, 'x'))).done, {
    code: ErrorCode.BadFrame,
  })
})

test('any other frame fails it, and is shown', async (t) => {
  const lies: readonly FrameParts[] = [
    job,
    { flags: 0x01, options: [], head: '{"pid":0}' },
    { flags: 0x40, options: [], head: 'boom' },
  ]
  for (const lie of lies) {
    const { done, clock } = begin(t, (peer) => peer.write(encodeFrame(lie)))
    const shown = new RegExp(`instead of reporting that it is ready it sent flags ${lie.flags} with `)
    await assert.rejects(done, { code: ErrorCode.Handshake, message: shown })
    assert.equal(clock.timerCount, 0)
  }
})

test('a frame that comes with the reply, unasked, fails it', async (t) => {
  const { done } = begin(t, (peer) => peer.write(Buffer.concat([reply, encodeFrame(job)])))
  await assert.rejects(done, {
    code: ErrorCode.Handshake,
    message: /after it had reported that it is ready, it sent without a request/,
  })
})

test('silence fails it when the time is up, and not before', async (t) => {
  const { done, asked, clock } = begin(t, () => undefined)
  await asked
  clock.advance(timeoutMs - 1)
  assert.equal(clock.timerCount, 1)
  clock.advance(1)
  await assert.rejects(done, {
    code: ErrorCode.Handshake,
    message: /did not report that it is ready within 1000 ms/,
  })
})

test('a handshake can be cancelled, before and while it waits', async (t) => {
  await assert.rejects(begin(t, () => undefined, AbortSignal.abort()).done, { code: ErrorCode.Handshake })
  const controller = new AbortController()
  const { done, asked, clock } = begin(t, () => undefined, controller.signal)
  await asked
  controller.abort()
  await assert.rejects(done, { code: ErrorCode.Handshake, message: /was cancelled/ })
  assert.equal(clock.timerCount, 0)
})
