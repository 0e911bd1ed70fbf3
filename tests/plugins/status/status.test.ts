import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { definePlugin, Probe, protoMessage } from '../../../src/index.js'
import { startServer, type TestServer } from '../../../testing/index.js'
import { protoClient } from '../../helpers/proto-client.js'
import { workerText } from '../../helpers/rr.js'

/** A plugin whose probe answers what the test says. */
function moody(name: string, probe: Partial<Probe>) {
  const fine = { health: () => true, ready: () => true }
  return definePlugin({ name, provides: Probe, setup: () => ({ service: { ...fine, ...probe } }) })
}

async function start(
  t: TestContext,
  {
    probes = {},
    status = {},
    jobs,
  }: { probes?: Record<string, Partial<Probe>>; status?: object; jobs?: object } = {},
) {
  const server = await startServer({
    plugins: Object.entries(probes).map(([name, probe]) => moody(name, probe)),
    config: {
      server: { command: workerText('echo') },
      status: { address: '127.0.0.1:0', ...status },
      ...(jobs === undefined ? {} : { jobs }),
    },
  })
  t.after(() => server.stop())
  return { server, ask: asker(server) }
}

function asker(server: TestServer) {
  const base = server.announced.find(({ what }) => what === 'status')?.where ?? ''
  return async (path: string, method = 'GET') => {
    const response = await fetch(base + path, { method })
    const text = await response.text()
    return { status: response.status, body: text === '' ? '' : JSON.parse(text) }
  }
}

const entry = (plugin_name: string, status_code = 200, error_message = '') => ({
  plugin_name,
  error_message,
  status_code,
})

test('health and ready list every plugin with workers or a probe, in RoadRunner’s shape', async (t) => {
  const jobs = { pool: { num_workers: 1 }, consume: [], pipelines: { mail: { driver: 'memory' } } }
  const { ask } = await start(t, { probes: { moody: {} }, jobs })
  const both = { status: 200, body: [entry('moody'), entry('jobs')] }
  assert.deepEqual(await ask('/health'), both)
  assert.deepEqual(await ask('/ready'), both)
  assert.deepEqual(await ask('/health?plugin=jobs'), { status: 200, body: [entry('jobs')] })
  assert.deepEqual(await ask('/health?plugin=jobs&plugin=moody'), {
    status: 200,
    body: [entry('jobs'), entry('moody')],
  })
  assert.deepEqual(await ask('/jobs'), {
    status: 200,
    body: [
      {
        pipeline: 'mail',
        priority: 10,
        ready: false,
        queue: 'mail',
        active: 0,
        delayed: 0,
        reserved: 0,
        driver: 'memory',
        error_message: '',
      },
    ],
  })
})

test('a plugin that is not fine answers with the configured status, one that is not there with 404', async (t) => {
  const probes = {
    ill: { health: () => false },
    busy: { ready: async () => false },
    broken: {
      health: () => {
        throw new Error('the disk is gone')
      },
    },
  }
  const { ask } = await start(t, { probes, status: { unavailable_status_code: 500 } })
  const { status, body } = await ask('/health')
  assert.equal(status, 500)
  assert.deepEqual(body, [
    entry('ill', 500, 'it is not healthy, see the log'),
    entry('busy'),
    entry('broken', 500, 'the disk is gone'),
  ])
  assert.equal((await ask('/health?plugin=busy')).status, 200)
  assert.equal((await ask('/ready?plugin=busy')).status, 500)
  assert.deepEqual(await ask('/health?plugin=typo'), {
    status: 404,
    body: [entry('typo', 404, 'no such plugin, or it does not answer checks')],
  })
  assert.equal((await ask('/health?plugin=typo&plugin=ill')).status, 500)
  assert.equal((await ask('/jobs')).status, 500)
  assert.equal((await ask('/metrics')).status, 404)
  assert.equal((await ask('/health', 'POST')).status, 405)
  assert.deepEqual(await ask('/health', 'HEAD'), { status: 500, body: '' })
})

test('a probe that does not answer in time counts as unavailable', async (t) => {
  const probes = { stuck: { health: () => new Promise<boolean>(() => undefined) } }
  const { ask } = await start(t, { probes, status: { check_timeout: 1 } })
  assert.deepEqual(await ask('/health'), { status: 503, body: [entry('stuck', 503, 'no answer within 1 s')] })
})

test('a plugin that says by its own `ready` that it cannot serve is among those that are not ready', async (t) => {
  const server = await startServer({
    plugins: [definePlugin({ name: 'filling', setup: () => ({ ready: () => false }) })],
    config: { status: { address: '127.0.0.1:0' } },
  })
  t.after(() => server.stop())
  const ask = asker(server)
  assert.deepEqual(await ask('/health'), { status: 200, body: [] })
  assert.deepEqual(await ask('/ready'), {
    status: 503,
    body: [entry('filling', 503, 'it does not take work, see the log')],
  })
})

test('while the server stops, ready answers 503 and health 200, until the end', async (t) => {
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  let draining = () => {}
  const began = new Promise<void>((resolve) => {
    draining = resolve
  })
  const slow = definePlugin({
    name: 'slow',
    setup: () => ({
      drain: () => {
        draining()
        return held
      },
    }),
  })
  const server = await startServer({ plugins: [slow], config: { status: { address: '127.0.0.1:0' } } })
  t.after(() => server.stop())
  const ask = asker(server)
  const stopped = server.stop()
  await began
  assert.equal((await ask('/health')).status, 200)
  assert.equal((await ask('/ready')).status, 503)
  assert.equal((await ask('/jobs')).status, 503)
  release()
  await stopped
  await assert.rejects(ask('/health'))
})

test('status.Status and status.Ready answer over RPC, and refuse unknown plugins with RoadRunner’s text', async (t) => {
  const { server } = await start(t, { probes: { ill: { health: () => false } } })
  const call = await protoClient(t, server.rpcAddress)
  const messages = {
    request: protoMessage({ plugin: [1, 'string'] }),
    reply: protoMessage({ code: [1, 'int'], message: [2, 'string'] }),
  }
  assert.equal((await call('status.Status', messages, { plugin: 'ill' })).code, 503)
  assert.deepEqual(await call('status.Ready', messages, { plugin: 'ill' }), { code: 200, message: '' })
  assert.deepEqual(await server.rpc('status.Ready', { plugin: 'ill' }), { code: 200, message: '' })
  await assert.rejects(
    call('status.Status', messages, { plugin: 'x' }),
    /^Error: checker_rpc_status: no such plugin: x$/,
  )
  await assert.rejects(
    call('status.Ready', messages, { plugin: 'x' }),
    /^Error: checker_rpc_ready: no such plugin: x$/,
  )
})
