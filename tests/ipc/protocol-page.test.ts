/** Holds `docs/protocol.md`: its frames decode, and its worker works. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock } from '../../src/core/clock.js'
import { stopRequest } from '../../src/ipc/control.js'
import { handshake } from '../../src/ipc/handshake.js'
import { defaultRelayLimits } from '../../src/ipc/relay.js'
import { pipesRelay } from '../../src/ipc/relays/pipes-relay.js'
import { missing, projectFolder } from '../helpers/project.js'
import { decode } from './decoding.js'

const page = readFileSync(join(projectFolder, 'docs', 'protocol.md'), 'utf8')

test('every frame on the protocol page is one frame and nothing else', () => {
  const rows = page.split('\n').filter((row) => /`1[3-9a-d][0-9a-f]{10} /.test(row) && !row.includes('…'))
  assert.ok(rows.length >= 7)
  for (const row of rows) {
    const hex = [...row.matchAll(/`([0-9a-f ]+)`/g)].map(([, digits]) => digits).join('')
    const { frames, junk, decoder } = decode(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
    assert.deepEqual([frames.length, junk, decoder.bufferedBytes], [1, [], 0], row)
  }
})

test('the worker on the protocol page shakes hands, works and leaves', {
  skip: missing('python3'),
}, async (t) => {
  const [, source = ''] = /```python\n(.*?)```/s.exec(page) ?? []
  const child = spawn('python3', ['-c', source], { stdio: ['pipe', 'pipe', 'ignore'] })
  t.after(() => child.kill('SIGKILL'))
  const exited = once(child, 'exit')
  const relay = pipesRelay(child.stdout, child.stdin, defaultRelayLimits)
  const { pid } = await handshake(relay, {
    ownPid: process.pid,
    timeoutMs: 60_000,
    clock: systemClock,
    onJunk: (bytes) => assert.fail(`it printed ${bytes.toString()}`),
  })
  assert.equal(pid, child.pid)
  const answer = new Promise<string>((resolve, reject) => {
    relay.read({
      frame: ({ options, payload }) => resolve(payload.subarray(options[0]).toString()),
      junk: (bytes) => reject(new Error(`it printed ${bytes.toString()}`)),
      closed: () => reject(new Error('it closed the relay')),
    })
  })
  relay.send({ flags: 0x04, options: 'head', head: '{}', body: 'hello' })
  assert.equal(await answer, 'HELLO')
  relay.send(stopRequest)
  assert.deepEqual(await exited, [0, null])
})
