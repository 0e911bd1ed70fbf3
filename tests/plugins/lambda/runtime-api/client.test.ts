import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { RuntimeClient } from '../../../../src/plugins/lambda/runtime-api/client.js'
import { recordingLogger } from '../../../helpers/pool.js'
import { eventually } from '../../../helpers/wait.js'
import { ManualClock } from '../../../ipc/manual-clock.js'

test('a connection made ahead takes the first request; one that was lost is made anew in silence', async (t) => {
  const sockets: Socket[] = []
  const asked: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('data', () => asked.push(socket))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const bound = server.address()
  assert.ok(bound !== null && typeof bound === 'object')
  const log = recordingLogger()
  const newClient = () => {
    const client = new RuntimeClient({
      address: `127.0.0.1:${bound.port}`,
      userAgent: 'test',
      clock: new ManualClock(),
      log,
    })
    t.after(() => client.close())
    return client
  }
  t.after(() => server.close())
  const lost: Error[] = []
  const sink = {
    onInvocation: () => undefined,
    onFault: () => undefined,
    onLost: (error: Error) => lost.push(error),
  }
  const first = newClient()
  first.open()
  await eventually(() => sockets.length === 1)
  first.next(sink)
  await eventually(() => asked.length === 1)
  assert.equal(asked[0], sockets[0])

  const second = newClient()
  second.open()
  await eventually(() => sockets.length === 2)
  sockets[1]?.end()
  await once(sockets[1] as Socket, 'close')
  second.next(sink)
  await eventually(() => asked.length === 2)
  assert.equal(asked[1], sockets[2])
  assert.deepEqual(lost, [])
  assert.deepEqual(log.lines, [])
})
