/** The plugin `tcp` with a worker in PHP and real sockets. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { startServer, type TestServer } from '../../../testing/index.js'
import { fixture } from '../../helpers/project.js'
import { testFolder } from '../../helpers/rr.js'
import { eventually } from '../../helpers/wait.js'

type Row = readonly [event: string, server: string, uuid: string, remote: string, body: string]

async function start(t: TestContext, tcp: object = {}) {
  const file = join(await testFolder(t), 'events')
  const server = await startServer({
    config: {
      server: { command: `php ${fixture('workers/tcp.php')} ${file}` },
      tcp: { servers: { lines: { addr: '127.0.0.1:0', delimiter: '\n' } }, pool: { num_workers: 2 }, ...tcp },
    },
  })
  t.after(() => server.stop())
  const rows = (): readonly Row[] =>
    existsSync(file)
      ? readFileSync(file, 'utf8')
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line))
      : []
  return { server, rows, port: portOf(server) }
}

function portOf(server: TestServer, at = 0): number {
  return Number(/:(\d+)$/.exec(server.announced.filter(({ what }) => what === 'tcp')[at]?.where ?? '')?.[1])
}

/** A client, and what it has got. */
async function client(t: TestContext, port: number) {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  t.after(() => socket.destroy())
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  const got = { text: '', hasEnded: false }
  socket.setEncoding('utf8')
  socket.on('data', (chunk: string) => {
    got.text += chunk
  })
  socket.on('end', () => {
    got.hasEnded = true
    socket.end()
  })
  const says = (text: string) => eventually(() => got.text.replace(/^hello .*\n/, '') === text)
  await eventually(() => got.text.endsWith('\n'))
  return { socket, got, says, uuid: /^hello (\S+)\n/.exec(got.text)?.[1] ?? '' }
}

const eventsOf = (rows: readonly Row[], uuid: string) =>
  rows.filter((row) => row[2] === uuid).map(([event, , , , body]) => `${event} ${body.trim()}`.trim())

test('a client’s messages are events for workers, whose answers say how it goes on', async (t) => {
  const { port, rows } = await start(t)
  const { socket, says, uuid, got } = await client(t, port)
  const { localPort } = socket
  socket.write('one\ntw')
  await says('one\n')
  socket.write('o\nquiet\nthree\nbye\nlost\n')
  await says('one\ntwo\nthree\nbye\n')
  await eventually(() => got.hasEnded && eventsOf(rows(), uuid).at(-1) === 'CLOSE')
  assert.deepEqual(eventsOf(rows(), uuid), [
    'CONNECTED',
    'DATA one',
    'DATA two',
    'DATA quiet',
    'DATA three',
    'DATA bye',
    'CLOSE',
  ])
  const [, server, id, remote, body] = rows()[1] ?? []
  assert.deepEqual([server, id, remote, body], ['lines', uuid, `127.0.0.1:${localPort}`, 'one\n'])
})

test('CLOSE, an unknown answer, a failed event and tcp.Close end a connection, each with its event', async (t) => {
  const { port, rows, server } = await start(t)
  for (const word of ['close', 'odd', 'fail']) {
    const { socket, uuid, got } = await client(t, port)
    socket.write(`${word}\n`)
    await eventually(() => got.hasEnded && eventsOf(rows(), uuid).at(-1) === 'CLOSE')
    assert.deepEqual(eventsOf(rows(), uuid), ['CONNECTED', `DATA ${word}`, 'CLOSE'])
  }
  await server.line(({ message }) => message === 'an event failed; its client is closed')
  const { uuid, got } = await client(t, port)
  assert.equal(await server.rpc('tcp.Close', uuid), true)
  await eventually(() => got.hasEnded && eventsOf(rows(), uuid).at(-1) === 'CLOSE')
  assert.equal(await server.rpc('tcp.Close', 'none'), true)
})

test('servers have names and delimiters of their own, and a half-closed client gets its answer', async (t) => {
  const servers = {
    first: { addr: '127.0.0.1:0' },
    second: { addr: '127.0.0.1:0', delimiter: '<END>' },
  }
  const { server, rows } = await start(t, { servers })
  const [a, b] = [await client(t, portOf(server, 0)), await client(t, portOf(server, 1))]
  a.socket.write('x\ny\r')
  a.socket.end('\n')
  await a.says('x\ny\r\n')
  for (const piece of ['a\r\n<E', 'N', 'D>b<END>rest']) {
    b.socket.write(piece)
    await new Promise((resolve) => setImmediate(resolve))
  }
  await b.says('a\r\n<END>b<END>')
  assert.deepEqual(new Set(rows().map((row) => row[1])), new Set(['first', 'second']))
})

test('clients that vanish leave nothing behind, and their workers take the next ones', async (t) => {
  const { port, rows } = await start(t)
  const gone = await Promise.all(Array.from({ length: 20 }, () => client(t, port)))
  for (const [at, { socket }] of gone.entries()) {
    socket.write(at % 2 === 0 ? 'half a mess' : 'big\n')
    if (at % 3 === 0) socket.destroy()
    else socket.resetAndDestroy()
  }
  await eventually(() => gone.every(({ uuid }) => eventsOf(rows(), uuid).at(-1) === 'CLOSE'))
  const { socket, says } = await client(t, port)
  socket.write('next\n')
  await says('next\n')
})

test('too many clients, too long messages and too full a buffer close the client at fault, with a warning', async (t) => {
  const limits = { connections: 3, buffered: '1500KB' }
  const { port, server, rows } = await start(t, { limits })
  const [a, b, c] = [await client(t, port), await client(t, port), await client(t, port)]
  const fourth = connect({ port, host: '127.0.0.1' })
  fourth.on('error', () => undefined)
  await once(fourth, 'close')
  await server.line(({ message }) => /tcp\.limits\.connections is reached/.test(message))
  a.socket.write('x'.repeat(1_000_000))
  await eventually(() => a.socket.bytesWritten === 1_000_000)
  b.socket.write('x'.repeat(900_000))
  await server.line(({ message }) => /tcp\.limits\.buffered is reached/.test(message))
  a.socket.write('x'.repeat(100_000))
  await server.line(({ message }) => /longer than tcp\.read_buf_size/.test(message))
  c.socket.write('fine\n')
  await c.says('fine\n')
  await eventually(() => [a, b].every(({ uuid }) => eventsOf(rows(), uuid).at(-1) === 'CLOSE'))
})

test('an idle client and one that does not read are closed in their time', async (t) => {
  const { port, server, rows } = await start(t, { limits: { idle_timeout: '300ms', write_timeout: '300ms' } })
  const idle = await client(t, port)
  await eventually(() => idle.got.hasEnded)
  const deaf = await client(t, port)
  deaf.socket.pause()
  deaf.socket.write('big\nunread\n')
  await server.line(({ message }) => /does not read/.test(message))
  await eventually(() => eventsOf(rows(), deaf.uuid).at(-1) === 'CLOSE')
  assert.deepEqual(
    eventsOf(rows(), deaf.uuid),
    ['CONNECTED', 'DATA big', 'CLOSE'],
    'nothing is read meanwhile',
  )
})

test('a stop closes waiting clients with their event, and refuses new ones', async (t) => {
  const { port, server, rows } = await start(t)
  const clients = await Promise.all(Array.from({ length: 5 }, () => client(t, port)))
  await server.stop()
  assert.ok(clients.every(({ uuid }) => eventsOf(rows(), uuid).join() === 'CONNECTED,CLOSE'))
  await eventually(() => clients.every(({ got }) => got.hasEnded))
  const late: Socket = connect({ port, host: '127.0.0.1' })
  const [error] = await once(late, 'error')
  assert.equal(Object(error).code, 'ECONNREFUSED')
})
