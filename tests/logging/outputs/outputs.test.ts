import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { systemClock } from '../../../src/core/clock.js'
import { LogHost, type LogSettings } from '../../../src/logging/sink.js'
import { testFolder } from '../../helpers/rr.js'
import { eventually } from '../../helpers/wait.js'

const settings = { level: 'info', encoding: 'json', lineBytesMax: 10_000 } as const

function hostWith(more: Partial<LogSettings>): LogHost {
  const host = new LogHost({ env: {}, isTerminal: false, clock: systemClock })
  host.configure({ ...settings, ...more })
  return host
}

/** A server that takes lines; `stop` cuts its connections. */
async function collector(t: TestContext, port = 0) {
  const sockets = new Set<Socket>()
  const got = { text: '' }
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      got.text += chunk
    })
    socket.on('error', () => undefined)
  })
  await once(server.listen(port, '127.0.0.1'), 'listening')
  const stop = async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  }
  t.after(stop)
  return { got, stop, address: { host: '127.0.0.1', port: (server.address() as AddressInfo).port } }
}

test('a channel may have a place of its own, and one file may be the place of several', async (t) => {
  const folder = await testFolder(t)
  const [main, access] = [join(folder, 'main.log'), join(folder, 'access.log')]
  const host = hostWith({
    output: { path: main },
    channels: { http: { output: { path: access } }, jobs: { output: { path: access }, encoding: 'raw' } },
  })
  host.info({}, 'here')
  host.named('http').info({ status: 200 }, 'a request')
  host.named('jobs').info({}, 'a job')
  await host.end()
  assert.match(await readFile(main, 'utf8'), /^\{[^\n]*"message":"here"\}\n$/)
  assert.match(await readFile(access, 'utf8'), /^\{[^\n]*"status":200[^\n]*"message":"a request"\}\na job\n$/)
})

test('lines are sent to a server as well, as JSON or GELF, and again after its connection broke', async (t) => {
  const folder = await testFolder(t)
  const [lines, graylog] = [await collector(t), await collector(t)]
  const host = hostWith({
    output: { path: join(folder, 'main.log') },
    encoding: 'console',
    ship: [
      { address: lines.address, format: 'json' },
      { address: graylog.address, format: 'gelf' },
    ],
  })
  host.named('jobs').warn({ id: 7, pipeline: 'mail', tags: ['a'] }, 'late')
  await eventually(() => lines.got.text.endsWith('\n') && graylog.got.text.endsWith('\0'))
  const line = JSON.parse(lines.got.text)
  assert.deepEqual([line.logger, line.level, line.message, line.pipeline], ['jobs', 'warn', 'late', 'mail'])
  const message = JSON.parse(graylog.got.text.slice(0, -1))
  assert.deepEqual(
    { ...message, host: '', timestamp: 0 },
    {
      version: '1.1',
      host: '',
      short_message: 'late',
      timestamp: 0,
      level: 4,
      _logger: 'jobs',
      _id_: 7,
      _pipeline: 'mail',
      _tags: '["a"]',
    },
  )
  await lines.stop()
  const again = await collector(t, lines.address.port)
  let sent = 0
  await eventually(() => {
    sent += 1
    host.info({ n: sent }, 'again')
    return again.got.text.includes('"message":"again"')
  })
  await host.end()
})

test('a server that is not there holds up nothing, and what it missed is counted when it comes', async (t) => {
  const folder = await testFolder(t)
  const gone = await collector(t)
  await gone.stop()
  const path = join(folder, 'main.log')
  const host = hostWith({ output: { path }, ship: [{ address: gone.address, format: 'json' }] })
  const text = 'x'.repeat(5000)
  const worker = { pool: 'web', pid: 7, stream: 'stderr', text } as const
  let isHeld = false
  host.pacer.hold = () => {
    isHeld = true
  }
  const count = 1200
  for (let n = 0; n < count; n += 1) {
    host.workerLine(worker)
    // Else the file would be behind, too.
    if (n % 50 === 0) await eventually(() => host.flush().then(() => host.isWritten))
  }
  await eventually(async () => (await readFile(path, 'utf8')).split('\n').length > count)
  assert.equal(isHeld, false)
  const back = await collector(t, gone.address.port)
  await eventually(() => {
    host.info({}, 'kick')
    return back.got.text.includes('lines were dropped')
  })
  const told = back.got.text.split('\n').find((line) => line.includes('lines were dropped')) ?? ''
  assert.match(told, new RegExp(`"place":"tcp://127.0.0.1:${gone.address.port}"`))
  await host.end()
})
