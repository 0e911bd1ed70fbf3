import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { byMode } from '../../src/logging/channels.js'
import { LogHost, type LogSettings } from '../../src/logging/sink.js'
import { testFolder } from '../helpers/rr.js'
import { ManualClock } from '../ipc/manual-clock.js'

/** The lines that a log with these settings writes. */
async function written(t: TestContext, settings: Partial<LogSettings>, log: (host: LogHost) => void) {
  const output = join(await testFolder(t), 'log')
  const host = new LogHost({ env: {}, isTerminal: false, clock: new ManualClock() })
  host.configure({
    level: 'info',
    encoding: 'json',
    lineBytesMax: 1000,
    output: { path: output },
    ...settings,
  })
  log(host)
  await host.end()
  return (await readFile(output, 'utf8')).split('\n').slice(0, -1)
}

const worker = (text: string) => ({ pool: 'web', pid: 7, stream: 'stderr', text }) as const

test('RoadRunner’s members: nanoseconds, `msg`, its names of loggers, and texts of workers as they are', async (t) => {
  const lines = await written(t, { keys: 'roadrunner' }, (host) => {
    host.named('jobs').warn({ pipeline: 'mail', msg: 'mine' }, 'late')
    host.workerLine(worker('{"level":"error","message":"x"}'))
  })
  const [first, second] = lines.map((line): Record<string, unknown> => JSON.parse(line))
  assert.equal(typeof first?.ts, 'number')
  assert.deepEqual(
    { ...first, ts: 0 },
    {
      level: 'warn',
      ts: 0,
      logger: 'jobs',
      msg: 'late',
      pipeline: 'mail',
      app_msg: 'mine',
    },
  )
  assert.deepEqual(
    { ...second, ts: 0 },
    {
      level: 'info',
      ts: 0,
      logger: 'server',
      msg: '{"level":"error","message":"x"}',
      pool: 'web',
      pid: 7,
    },
  )
})

test('a request is told as RoadRunner tells it, for readers such as Octane', async (t) => {
  const fields = { status: 200, method: 'GET', uri: '/a', remote: '127.0.0.1', elapsed: '1.5ms' }
  const [line = ''] = await written(t, { keys: 'roadrunner' }, (host) =>
    host.named('http').info(fields, 'request'),
  )
  assert.deepEqual(JSON.parse(line), {
    level: 'info',
    ts: 0,
    logger: 'http',
    msg: 'http log',
    status: 200,
    method: 'GET',
    URI: '/a',
    remote_address: '127.0.0.1',
    elapsed: '1.5ms',
  })
})

test('a channel has a level and an encoding of its own', async (t) => {
  const channels = { server: { encoding: 'raw' }, jobs: { level: 'debug' }, http: { level: 'off' } } as const
  const lines = await written(t, { channels, level: 'error' }, (host) => {
    host.named('jobs').debug({}, 'shown')
    host.named('http').error({}, 'hidden')
    host.named('kv').info({}, 'hidden')
    host.workerLine(worker('hidden: the level is the log’s'))
    assert.equal(host.named('jobs').isEnabled('debug'), true)
    assert.equal(host.named('kv').isEnabled('debug'), false)
  })
  assert.equal(lines.length, 1)
  const raw = await written(t, { channels }, (host) => {
    host.workerLine(worker('{"a":1}'))
    host.info({}, 'the server itself is not RoadRunner’s channel `server`')
  })
  assert.equal(raw[0], '{"a":1}')
  assert.match(raw[1] ?? '', /^\{"level":"info"/)
})

test('a mode decides the encoding where it is not set, or that there is no log', () => {
  const of = (mode: 'development' | 'production' | 'raw' | 'off' | 'none', encoding?: 'json' | 'auto') =>
    byMode({ mode, level: 'warn', encoding })
  assert.deepEqual(of('production'), { level: 'warn', encoding: 'json' })
  assert.deepEqual(of('development', 'auto'), { level: 'warn', encoding: 'console' })
  assert.deepEqual(of('development', 'json'), { level: 'warn', encoding: 'json' })
  assert.deepEqual(of('raw'), { level: 'warn', encoding: 'raw' })
  assert.deepEqual(of('none'), { level: 'off', encoding: undefined })
})
