/** The two sockets of a running server: who may call what, what is written down, and that nobody keeps the operator out. */
import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { rr } from '../helpers/command.js'
import { fixture, missing, rrCommand } from '../helpers/project.js'
import { type RawRpc, rawRpc } from '../helpers/rpc.js'
import { invoke, lambdaConfig, type RunningRr, started, startRr, workerText } from '../helpers/rr.js'
import { eventually } from '../helpers/wait.js'

const noPhp = missing('php')

interface Doors {
  readonly running: RunningRr
  /** `rpc.sock`. */
  readonly operator: string
  /** `worker.sock`. */
  readonly workers: string
}

async function serve(t: TestContext, config: string, words: readonly string[] = []): Promise<Doors> {
  const running = await startRr(t, ['serve', ...words], { config })
  const operator = String((await started(running)).control).replace('unix://', '')
  return { running, operator, workers: operator.replace('rpc.sock', 'worker.sock') }
}

const offers = `plugins: ["${fixture('plugins', 'offers-rpc.mjs')}"]`

test('a PHP worker reaches RoadRunner’s methods and the plugins’, and never the server’s own', {
  skip: noPhp,
}, async (t) => {
  const more = `${offers}\nemulator: { address: "127.0.0.1:0" }`
  const config = lambdaConfig(`php ${fixture('workers', 'rpc.php')}`, { count: 1, more })
  const { running, operator, workers } = await serve(t, config)
  const calls = [
    ['rpc.Version', true],
    ['informer.List', true],
    ['informer.Workers', 'nowhere'],
    ['resetter.List', true],
    ['offers.Echo', { __proto__: { a: 1 }, constructor: 'data' }],
    ['offers.Rejects', null],
    ['offers.Big', null],
    ['offers.Nothing', null],
    ['offers.Change', 'x'],
    ['resetter.Reset', 'constructor'],
    ['rr.Stop', null],
    ['rr.Hello', { pid: 1, user: 'root' }],
    ['rr.Workers', null],
  ]
  const answer = JSON.parse((await invoke(running, calls)).body)
  assert.deepEqual(answer.slice(0, 9), [
    ['2025.1.9', null],
    [['lambda'], null],
    [{ workers: null }, null],
    [['lambda'], null],
    [{ constructor: 'data' }, null],
    [null, 'undefined'],
    [null, 'Do not know how to serialize a BigInt'],
    [null, null],
    [true, null],
  ])
  assert.match(answer[9][1], /no pool "constructor"/)
  assert.deepEqual(answer.slice(10), [
    [null, "rpc: can't find service rr.Stop"],
    [null, "rpc: can't find service rr.Hello"],
    [null, "rpc: can't find service rr.Workers"],
  ])
  const audited = running.lines().filter((line) => line.message === 'control action')
  assert.deepEqual(
    audited.map(({ level, socket, command, argument, claimed_pid: pid, claimed_user: user }) => {
      return [level, socket, command, argument, pid, user]
    }),
    [
      ['info', 'worker.sock', 'offers.Change', 'x', null, null],
      ['info', 'worker.sock', 'resetter.Reset', 'constructor', null, null],
    ],
  )
  for (const path of [operator, workers]) assert.equal(statSync(path).mode & 0o777, 0o600)
  assert.equal(statSync(join(operator, '..')).mode & 0o777, 0o700)
})

test('RR_RPC is worker.sock or rpc.listen, and neither offers the server’s own methods', async (t) => {
  const more = 'emulator: { address: "127.0.0.1:0" }'
  const config = lambdaConfig(workerText('tells-process'), { count: 1, more })
  const first = await serve(t, config)
  const told = JSON.parse((await invoke(first.running, {})).body)
  assert.equal(told.env.RR_RPC, `unix://${first.workers}`)
  const { folder } = first.running
  const listen = `unix://${folder}/app.sock`
  const second = await startRr(
    t,
    ['serve', '-o', `rpc.listen=${listen}`, '-o', 'emulator.address=127.0.0.1:0'],
    {
      folder,
    },
  )
  assert.equal((await started(second)).rpc, listen)
  assert.equal(JSON.parse((await invoke(second, {})).body).env.RR_RPC, listen)
  assert.equal(statSync(join(folder, 'app.sock')).mode & 0o777, 0o600)
  const client = await rawRpc(t, join(folder, 'app.sock'))
  assert.equal(await client.call('informer.List'), '["lambda"]')
  assert.equal(await client.call('rr.Stop'), "rpc: can't find service rr.Stop")

  // Both serve the same file, and each is found by its own words.
  const pids = async (...words: string[]) => {
    const { out } = await rr(folder, ['workers', '--json', ...words])
    return JSON.parse(out).map((row: { pid: number }) => row.pid)
  }
  const [one, two] = [await pids(), await pids('-o', `rpc.listen=${listen}`)]
  assert.notDeepEqual(one, two)
  const wrong = await rr(folder, ['workers', '-o', 'rpc.listen=tcp://127.0.0.1:1'])
  assert.equal(wrong.code, 1)
  assert.match(
    wrong.err,
    /no server runs for .*rr\.yaml with rpc\.listen=tcp:\/\/127\.0\.0\.1:1\n +Process \d+ serves it with another rpc\.listen/,
  )
  assert.equal((await rr(folder, ['stop', '-o', `rpc.listen=${listen}`])).code, 0)
  assert.equal(await second.ended, 0)
  assert.deepEqual(await pids(), one)
})

test('rr reset and rr stop are written down with what they claim to be', async (t) => {
  const { running } = await serve(t, lambdaConfig(workerText('echo'), { count: 1 }))
  const { folder } = running
  const reset = await rr(folder, ['reset'])
  const stop = await rr(folder, ['stop'])
  assert.deepEqual([reset.code, stop.code, await running.ended], [0, 0, 0])
  assert.match(stop.err, new RegExp(`^stopped: pid ${running.child.pid}, ${join(folder, 'rr.yaml')}\\n$`))
  const lines = running.lines().filter((line) => line.message === 'control action')
  assert.deepEqual(
    lines.map((line) => [line.socket, line.command, line.argument, line.claimed_pid]),
    [
      ['rpc.sock', 'resetter.Reset', 'lambda', reset.pid],
      ['rpc.sock', 'rr.Stop', undefined, stop.pid],
    ],
  )
  for (const { claimed_user: user } of lines) assert.equal(typeof user, 'string')
})

test('a thousand connections to worker.sock do not keep an event, a worker or the operator waiting', async (t) => {
  const { running, workers } = await serve(t, lambdaConfig(workerText('by-body'), { count: 2 }))
  const own = await rawRpc(t, workers)
  assert.equal(await own.call('informer.List'), '["lambda"]')
  const sockets = Array.from({ length: 1000 }, (_, at) => {
    const socket = connect(workers)
    socket.on('error', () => undefined)
    socket.on('connect', () => at % 2 === 0 && socket.write(Buffer.from('150811', 'hex')))
    t.after(() => socket.destroy())
    return socket
  })
  await running.line((line) => line.message === 'all places of a control socket are taken')
  assert.equal((await invoke(running, 'ok')).body, '"ok"')
  const listed = await rr(running.folder, ['workers', '--json'])
  assert.equal(JSON.parse(listed.out).length, 2)
  assert.equal((await invoke(running, 'die')).error, 'Unhandled')
  await eventually(async () => JSON.parse((await rr(running.folder, ['workers', '--json'])).out).length === 2)
  // A client that has asked keeps its place, and a new one gets that of a silent one.
  assert.equal(await own.call('informer.List'), '["lambda"]')
  assert.equal(await (await rawRpc(t, workers)).call('informer.List'), '["lambda"]')
  assert.ok(sockets.filter((socket) => socket.destroyed).length > 400)
  const { code } = await rr(running.folder, ['stop'])
  assert.equal(code, 0)
  assert.equal(await running.ended, 0)
})

test('with few descriptors clients cannot take them all: workers are replaced, and the operator is heard', async (t) => {
  const command = ['sh', '-c', 'ulimit -n 80; exec "$@"', 'sh', process.execPath, rrCommand] as const
  const config = lambdaConfig(workerText('by-body'), { count: 1 })
  const running = await startRr(t, ['serve'], { config, command })
  const workers = String((await started(running)).control)
    .replace('unix://', '')
    .replace('rpc.sock', 'worker.sock')
  for (let at = 0; at < 200; at += 1) {
    const socket = connect(workers)
    socket.on('error', () => undefined)
    t.after(() => socket.destroy())
  }
  await running.line((line) => line.message === 'all places of a control socket are taken')
  assert.equal((await invoke(running, 'die')).error, 'Unhandled')
  await eventually(async () => /idle/.test((await rr(running.folder, ['workers', '--json'])).out))
  assert.equal((await rr(running.folder, ['stop'])).code, 0)
  assert.equal(await running.ended, 0)
})

test('the operator is heard when its own socket is full of idle clients', async (t) => {
  const { running, operator } = await serve(t, lambdaConfig(workerText('echo'), { count: 1 }))
  const idle: RawRpc[] = []
  for (let at = 0; at < 40; at += 1) {
    const client = await rawRpc(t, operator)
    await client.call('rr.Status')
    idle.push(client)
  }
  assert.equal((await rr(running.folder, ['pools'])).code, 0)
  // The first that came made room.
  await idle[0]?.closed
})

test('an address that others can reach is refused at its line, with allow_remote it is warned of', async (t) => {
  const refused = [
    'tcp://0.0.0.0:0',
    'tcp://127.0.0.1.evil.example:0',
    'tcp://localhost.evil.example:0',
    'tcp://[::]:0',
    'tcp://:0',
    'tcp://10.0.0.1:0',
    'tcp://127.1:0',
    'tcp://2130706433:0',
    'tcp://127.0.0.1@evil.example:0',
  ]
  const config = `version: "3"\nrpc:\n  listen: "${refused[0]}"\n`
  const first = await startRr(t, ['serve'], { config })
  assert.equal(await first.ended, 78)
  assert.match(first.text(), /rr\.yaml:3:3: .*tcp:\/\/0\.0\.0\.0:0 is not a loopback address.*allow_remote/)
  for (const listen of refused) {
    const { code, err } = await rr(first.folder, ['validate', '-o', `rpc.listen="${listen}"`])
    assert.equal(code, 78, listen)
    assert.match(err, /is not a loopback address/)
  }
  for (const listen of ['tcp://localhost:0', 'tcp://[::1]:0', 'tcp://127.0.0.2:0', 'unix://a.sock', '']) {
    const { err } = await rr(first.folder, ['validate', '-o', `rpc.listen="${listen}"`])
    assert.doesNotMatch(err, /loopback/, listen)
  }
  const open = await startRr(
    t,
    ['serve', '-o', 'rpc.listen=tcp://0.0.0.0:0', '-o', 'rpc.allow_remote=true'],
    {
      config: lambdaConfig(workerText('echo'), { count: 1 }),
    },
  )
  const line = await started(open)
  const warning = open.lines().find(({ message }) => /rpc\.allow_remote/.test(message))
  assert.deepEqual([warning?.level, warning?.listen], ['warn', 'tcp://0.0.0.0:0'])
  // Workers are told an address that they can connect to.
  assert.match(String(line.rpc), /^tcp:\/\/127\.0\.0\.1:\d+$/)
  const client = await rawRpc(t, Number(String(line.rpc).split(':').pop()))
  assert.equal(await client.call('rr.Stop'), "rpc: can't find service rr.Stop")
  assert.equal(await client.call('resetter.List'), '["lambda"]')
})

test('no method tells the configuration or the environment', async (t) => {
  const secret = 'correct-horse-battery'
  const config = lambdaConfig(workerText('echo'), { count: 1 }).replace(
    'server: {',
    `server: { env: { KEY: ${secret} },`,
  )
  const running = await startRr(t, ['serve'], { config, env: { PLANTED: secret } })
  const operator = String((await started(running)).control).replace('unix://', '')
  assert.equal((await invoke(running, `"${secret}"`)).body, `"${secret}"`)
  const client = await rawRpc(t, operator)
  const methods = ['Hello', 'Status', 'Workers', 'Pools', 'Ledger', 'Plugins'].map((name) => `rr.${name}`)
  for (const method of [...methods, 'informer.List', 'informer.Workers', 'resetter.List', 'rpc.Version']) {
    const answer = await client.call(method, 'lambda')
    assert.doesNotMatch(answer, /can't find/, method)
    assert.ok(!answer.includes(secret), method)
  }
  assert.ok(!running.text().includes(secret))
})
