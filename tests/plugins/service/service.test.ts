import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { protoMessage } from '../../../src/index.js'
import { startServer, type TestServer } from '../../../testing/index.js'
import { isRunning } from '../../helpers/processes.js'
import { protoClient } from '../../helpers/proto-client.js'
import { eventually } from '../../helpers/wait.js'

const reply = protoMessage({ message: [1, 'string'], ok: [2, 'bool'] })
const named = protoMessage({ name: [1, 'string'] })
const status = protoMessage({
  cpu_percent: [1, 'float'],
  pid: [2, 'int'],
  memory_usage: [3, 'int'],
  command: [4, 'string'],
  status: [5, protoMessage({ code: [1, 'int'], message: [2, 'string'] })],
})
const statuses = { request: named, reply: protoMessage({ status: [1, [status]] }) }

async function start(t: TestContext, service: object): Promise<TestServer> {
  const server = await startServer({ config: { service } })
  t.after(() => server.stop())
  return server
}

const said = (server: TestServer, name: string, text: string) =>
  server.line(
    ({ logger, message, fields }) => logger === 'process' && fields.process === name && message === text,
  )

test('a service runs its processes with its variables, its lines are in the log, and SIGINT ends it', async (t) => {
  const script =
    'trap "echo interrupted; exit 0" INT; printenv GREETING lower LOWER | xargs; while :; do sleep 0.05; done'
  const server = await start(t, {
    greeter: {
      command: `sh -c '${script}'`,
      process_num: 2,
      env: [{ GREETING: 'hello' }, { lower: 'case' }],
    },
  })
  await said(server, 'greeter', 'hello case case')
  const { status: states } = await (await protoClient(t, server.rpcAddress))('service.Statuses', statuses, {
    name: 'greeter',
  })
  assert.equal(states.length, 2)
  for (const { pid, memory_usage: bytes, command } of states) {
    assert.ok(isRunning(pid) && bytes > 0, `${pid} ${bytes}`)
    assert.match(command, /^sh -c/)
  }
  await server.stop()
  assert.equal(server.lines.filter(({ message }) => message === 'interrupted').length, 2)
  assert.ok(states.every(({ pid }) => !isRunning(pid)))
})

test('with remain_after_exit a service that ended is started again, without it is not', async (t) => {
  const server = await start(t, {
    again: { command: 'sh -c "echo up; exit 3"', remain_after_exit: true, restart_sec: 1 },
    once: { command: 'sh -c "echo up"' },
  })
  await eventually(
    () =>
      server.lines.filter(({ message, fields }) => message === 'up' && fields.process === 'again').length > 1,
  )
  assert.equal(
    server.lines.filter(({ message, fields }) => message === 'up' && fields.process === 'once').length,
    1,
  )
  const { status: ended } = (await server.rpc('service.Statuses', { name: 'once' })) as { status: object[] }
  assert.deepEqual(ended, [
    {
      cpu_percent: 0,
      pid: 0,
      memory_usage: 0,
      command: 'sh -c "echo up"',
      status: { code: 0, message: 'the process is ended' },
    },
  ])
})

test('one that runs too long or ignores SIGINT is killed in time', async (t) => {
  const server = await start(t, {
    long: { command: 'sleep 300', exec_timeout: '300ms' },
    deaf: { command: `sh -c 'trap "" INT; echo deaf; exec sleep 300'`, timeout_stop_sec: 1 },
  })
  await server.line(({ message, fields }) => message === 'a process ended' && fields.process === 'long')
  await said(server, 'deaf', 'deaf')
  await server.stop()
})

test('clients create, restart, list and terminate services', async (t) => {
  const server = await start(t, {})
  const call = await protoClient(t, server.rpcAddress)
  const change = (method: string, name: string) =>
    call(`service.${method}`, { request: named, reply }, { name })
  const request = {
    name: 'made',
    command: "sh -c 'echo $WHO; exec sleep 300'",
    process_num: 1,
    env: { WHO: 'me' },
    restart_sec: 1,
  }
  assert.deepEqual(await server.rpc('service.Create', request), { message: '', ok: true })
  await said(server, 'made', 'me')
  await assert.rejects(server.rpc('service.Create', request), /the service with made name already exists$/)
  const pidOf = async () => (await call('service.Statuses', statuses, { name: 'made' })).status[0]?.pid ?? 0
  const before = await pidOf()
  assert.equal((await change('Restart', 'made')).ok, true)
  const after = await pidOf()
  assert.ok(!isRunning(before) && isRunning(after) && before !== after)
  assert.deepEqual(await server.rpc('service.List'), { services: ['made'] })
  assert.equal((await change('Terminate', 'made')).ok, true)
  assert.equal(isRunning(after), false)
  assert.deepEqual(await server.rpc('service.List'), { services: [] })
  await assert.rejects(change('Restart', 'made'), /^Error: the service with made name doesn't exist$/)
  await assert.rejects(server.rpc('service.Create', { ...request, process_num: 0 }), /at least 1 process$/)
  await assert.rejects(
    server.rpc('service.Create', { ...request, command: 'no-such-program' }),
    /no-such-program/,
  )
  assert.ok(
    server.lines.some(({ fields }) => fields.command === 'service.Create'),
    'it is audited',
  )
})
