/** A frame is one write: a worker that reads its header in one go dies when it comes in two. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { Readable, Writable } from 'node:stream'
import { test } from 'node:test'
import { encodeFrame } from '../../../src/ipc/frame.js'
import { defaultRelayLimits } from '../../../src/ipc/relay.js'
import { pipesRelay } from '../../../src/ipc/relays/pipes-relay.js'
import { StreamRelay, sourceOf } from '../../../src/ipc/relays/stream-relay.js'

test('a frame of any size goes out in one write, a large body uncopied', () => {
  const writes: Uint8Array[][] = []
  const output = new Writable({
    write: (chunk: Uint8Array, _encoding, done) => {
      writes.push([chunk])
      done()
    },
    writev: (chunks, done) => {
      writes.push(chunks.map(({ chunk }) => chunk))
      done()
    },
  })
  const relay = new StreamRelay(sourceOf(new Readable({ read() {} })), output, defaultRelayLimits)
  for (const size of [0, 100, 16_384, 16_385, 1_000_000]) {
    const body = Buffer.alloc(size, 'b')
    const parts = { flags: 0x04, options: 'head', head: '{}', body } as const
    writes.length = 0
    relay.send(parts)
    assert.equal(writes.length, 1, `${size} bytes`)
    const chunks = writes[0] ?? []
    assert.ok(Buffer.concat(chunks).equals(encodeFrame(parts)))
    if (size > 16_384) assert.equal(chunks[1], body)
  }
  relay.close()
})

test('a stream that breaks otherwise than by its peer’s going is a fault with the cause', async () => {
  const input = new Readable({ read() {} })
  const relay = new StreamRelay(sourceOf(input), new Writable(), defaultRelayLimits)
  const fault = await new Promise<Error | undefined>((resolve) => {
    relay.read({ frame: () => undefined, junk: () => undefined, closed: resolve })
    input.destroy(new Error('read EIO'))
  })
  assert.match(fault?.message ?? '', /the relay broke: read EIO/)
})

test('the last words of a peer that has left are read before a failed write ends the relay', async () => {
  const peer = spawn('sh', ['-c', 'echo last words'], { stdio: ['pipe', 'pipe', 'inherit'] })
  const relay = pipesRelay(peer.stdout, peer.stdin, defaultRelayLimits)
  const words: string[] = []
  const fault = await new Promise<Error | undefined>((resolve) => {
    const junk = (bytes: Buffer) => words.push(bytes.toString())
    relay.read({ frame: () => undefined, junk, closed: resolve })
    // Without a turn of the loop in which its words would be read.
    while (!/\) Z/.test(readFileSync(`/proc/${peer.pid}/stat`, 'utf8')));
    relay.send({ flags: 0x04, options: [], head: '{}' })
  })
  assert.equal(fault, undefined)
  assert.deepEqual(words, ['last words\n'])
})
