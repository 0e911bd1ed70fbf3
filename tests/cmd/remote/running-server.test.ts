/** Tests commands against every kind of peer on the control socket: frozen, hostile, another user's, or not a server at all. */
import assert from 'node:assert/strict'
import { chmodSync, chownSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { systemClock } from '../../../src/core/clock.js'
import { encodeFrame, FrameFlag } from '../../../src/ipc/frame.js'
import { listenUnix } from '../../../src/ipc/listen.js'
import { RpcServer } from '../../../src/ipc/rpc/server.js'
import { silentLogger } from '../../../src/logging/logger.js'
import { writeCard } from '../../../src/supervisor/folder/card.js'
import { privateFolderPath } from '../../../src/supervisor/folder/private-folder.js'
import { rr } from '../../helpers/command.js'
import { plainDispatch } from '../../helpers/rpc.js'
import { lambdaConfig, started, startRr, testFolder, workerText } from '../../helpers/rr.js'
import { notRoot } from '../../helpers/users.js'

const uid = process.getuid?.() ?? 0

/** A folder with a configuration, and the private folder of its server, which is not there. */
async function project(t: TestContext) {
  const folder = await testFolder(t)
  writeFileSync(join(folder, 'rr.yaml'), 'version: "3"\n')
  const place = privateFolderPath({ uid, path: join(folder, 'rr.yaml'), listen: '' })
  mkdirSync(place, { recursive: true, mode: 0o700 })
  t.after(() => rmSync(place, { recursive: true, force: true }))
  return { folder, place, socket: join(place, 'rpc.sock') }
}

/** Plays the server of a folder with these answers. */
async function play(t: TestContext, answers: Readonly<Record<string, unknown>>) {
  const { folder, place, socket } = await project(t)
  const hello = { name: 'relayrunner', version: '1', pid: process.pid, path: join(folder, 'rr.yaml') }
  const all = new Map<string, unknown>(Object.entries({ 'rr.Hello': hello, 'rr.Pools': [], ...answers }))
  const server = new RpcServer({
    name: 'test',
    placesMax: 10,
    evicts: 'idle',
    clock: systemClock,
    log: silentLogger,
    dispatch: plainDispatch((method) => {
      if (!all.has(method)) throw new Error(`rpc: can't find method ${method}`)
      const answer = all.get(method)
      if (answer instanceof Error) throw answer
      return answer
    }),
  })
  await listenUnix(server.server, socket)
  t.after(() => server.close())
  return { folder, place, socket }
}

/** Lets a function of the test answer raw connections. */
async function playRaw(t: TestContext, answer: (socket: Socket) => void): Promise<string> {
  const { folder, socket } = await project(t)
  const server = createServer((one) => {
    one.on('error', () => undefined)
    t.after(() => one.destroy())
    answer(one)
  })
  await listenUnix(server, socket)
  t.after(() => server.close())
  return folder
}

const evil = 'x\u001b]0;owned\u0007\u001b[2J\r\nrr: all is well\u009b31m\u202egnp\u007f'
// What no terminal may see: C0 but the line end, DEL, C1, and what turns the direction of text.
const obeyed = /[^\n\P{Cc}]|[\u202a-\u202e\u2066-\u2069\u200e\u200f]/u

test('nothing that a server says reaches a terminal as a command, in tables, errors, hints or JSON', async (t) => {
  const worker = { pool: evil, pid: 1, state: evil, jobs: 1, memory_bytes: 1, created_at: evil }
  const numbers = { size: 1, live: 1, idle: 1, busy: 1, waiting: 1, oldest_wait_ms: 1, restarts: 1 }
  const degraded = { for_ms: 1, recent_deaths: 1, why: evil }
  const pool = { pool: evil, ...numbers, degraded, memory_bytes: 1 }
  const entry = { id: evil, accepted_at: evil, assigned: 1, answered: 1, end: evil, reason: evil }
  const { folder } = await play(t, {
    'rr.Workers': [worker],
    'rr.Pools': [pool],
    'rr.Ledger': { counts: { [evil]: 1 }, open: [entry], ended: [] },
    'rr.Plugins': [{ name: evil, version: evil, level: 1, setupMs: 1, file: evil }],
    'resetter.List': [evil],
    'resetter.Reset': new Error(evil),
    'rr.Stop': new Error(evil),
    'emulator.Queue': { queue: evil, visible: 1, in_flight: 1, delayed: 1, dead: 1 },
    'emulator.Send': { queue: evil, message_ids: [evil] },
  })
  const commands = [
    ['workers'],
    ['workers', '--json'],
    ['pools'],
    ['pools', '--json'],
    ['ledger'],
    ['ledger', '--json'],
    ['plugins'],
    ['plugins', '--json'],
    ['reset'],
    ['stop'],
    ['queue'],
    ['queue', '--json'],
    ['send', '--body', 'x'],
    ['send', '--body', 'x', '--json'],
  ]
  for (const words of commands) {
    const { out, err } = await rr(folder, words)
    assert.match(out + err, /owned/, words.join(' '))
    assert.doesNotMatch(out, obeyed, words.join(' '))
    assert.doesNotMatch(err, obeyed, words.join(' '))
    // A line end in a server's text does not begin a line of ours.
    assert.doesNotMatch(out + err, /^rr: all is well/m, words.join(' '))
  }
  const json = JSON.parse((await rr(folder, ['workers', '--json'])).out)
  assert.deepEqual(json, [worker])
})

test('an answer of another shape is an error with its place, and prints no terminal control characters', async (t) => {
  const { folder } = await play(t, {
    'rr.Workers': [{ pool: 'a', pid: 'one' }],
    'rr.Pools': { pool: 'a' },
    'rr.Ledger': { counts: { [evil]: evil }, open: [], ended: [] },
    'rr.Plugins': null,
  })
  for (const [word, what] of [
    ['workers', 'rr.Workers was not answered as expected: the answer[0].pid is not a number'],
    ['pools', 'rr.Pools was not answered as expected: the answer is not a list'],
    ['ledger', 'rr.Ledger was not answered as expected: the answer.counts.'],
    ['plugins', 'another version: restart it'],
  ] as const) {
    const { code, out, err } = await rr(folder, [word])
    assert.deepEqual([code, out], [1, ''], word)
    assert.ok(err.includes(what), err)
    assert.doesNotMatch(err, obeyed, word)
  }
})

test('keys such as __proto__ in an answer are data', async (t) => {
  const { folder } = await play(t, {
    'rr.Workers': JSON.parse(
      '[{"__proto__":{"pool":"a"},"pool":"constructor","pid":1,"state":"idle","jobs":0,"memory_bytes":0,"created_at":""}]',
    ),
    'rr.Ledger': JSON.parse('{"counts":{"__proto__":1,"constructor":2},"open":[],"ended":[]}'),
  })
  assert.match((await rr(folder, ['workers'])).out, /^Workers of \[constructor\]:/)
  assert.match((await rr(folder, ['ledger'])).out, /__proto__ 1, constructor 2/)
})

test('a stopped server is told of as frozen, with its pid, after 5 s, by all commands', async (t) => {
  const running = await startRr(t, ['serve'], { config: lambdaConfig(workerText('echo'), { count: 1 }) })
  await started(running)
  running.child.kill('SIGSTOP')
  t.after(() => running.child.kill('SIGCONT'))
  const commands = [['workers'], ['pools', '--json'], ['plugins'], ['stop'], ['reset']]
  const runs = await Promise.all(commands.map((words) => rr(running.folder, words)))
  for (const [at, { code, out, err }] of runs.entries()) {
    assert.deepEqual([code, out], [1, ''], String(commands[at]))
    assert.match(
      err,
      new RegExp(
        `^rr: RR_NOT_ANSWERING: the server has not answered for 5 s: process ${running.child.pid} is frozen: it was stopped \\(SIGSTOP\\)\\n +Let it go on: kill -CONT ${running.child.pid}\\n$`,
      ),
    )
  }
  running.child.kill('SIGCONT')
  assert.equal((await rr(running.folder, ['stop'])).code, 0)
  assert.equal(await running.ended, 0)
})

test('a peer that takes the connection and says nothing, whose process is unknown, is given up after 5 s', async (t) => {
  const folder = await playRaw(t, () => undefined)
  const { code, err } = await rr(folder, ['workers'])
  assert.equal(code, 1)
  assert.match(
    err,
    /RR_NOT_ANSWERING: the server has not answered for 5 s: its state cannot be read from here/,
  )
})

const huge = encodeFrame({ flags: FrameFlag.json, options: [1, 8], head: 'rr.Hello', body: '1' })
huge.writeUInt32LE(0x7fffffff, 2)
const noJson = encodeFrame({ flags: FrameFlag.json, options: [1, 8], head: 'rr.Hello', body: '{' })
const peers: readonly [what: string, answer: (socket: Socket) => void, text: RegExp][] = [
  ['garbage', (one) => one.write('HTTP/1.1 400 Bad Request\r\n\r\n'), /does not answer in rr's RPC protocol/],
  ['a huge answer', (one) => one.write(huge), /does not answer in rr's RPC protocol/],
  ['no JSON', (one) => one.write(noJson), /the answer is not JSON/],
  ['an end at once', (one) => one.destroy(), /RR_NOT_ANSWERING: the server drops every connection/],
]
test('whatever else answers is told of, and nothing hangs', async (t) => {
  await Promise.all(
    peers.map(async ([what, answer, text]) => {
      const { code, out, err } = await rr(await playRaw(t, answer), ['workers'])
      assert.deepEqual([code, out], [1, ''], what)
      assert.match(err, text, what)
    }),
  )
})

test('a server of another kind is not asked for anything', async (t) => {
  for (const hello of [
    { name: 'other', pid: 1, path: '/' },
    'hi',
    null,
    [],
    new Error("rpc: can't find service"),
  ]) {
    const { folder } = await play(t, { 'rr.Hello': hello })
    const { code, err } = await rr(folder, ['stop'])
    assert.equal(code, 1)
    assert.match(err, /RR_RPC_FAILED/)
  }
})

test('a socket, or a folder, that is another user’s or open to others is not talked to', {
  skip: notRoot,
}, async (t) => {
  const wrongs: readonly [what: string, spoil: (place: string) => void][] = [
    ['socket of another user', (place) => chownSync(join(place, 'rpc.sock'), 65534, 65534)],
    ['folder of another user', (place) => chownSync(place, 65534, 65534)],
    ['folder open to others', (place) => chmodSync(place, 0o755)],
    [
      'a file instead of a socket',
      (place) => {
        renameSync(join(place, 'rpc.sock'), join(place, 'other.sock'))
        writeFileSync(join(place, 'rpc.sock'), '')
      },
    ],
    [
      'a link to a socket elsewhere',
      (place) => {
        renameSync(join(place, 'rpc.sock'), join(place, 'other.sock'))
        symlinkSync(join(place, 'other.sock'), join(place, 'rpc.sock'))
      },
    ],
  ]
  for (const [what, spoil] of wrongs) {
    const { folder, place } = await play(t, { 'rr.Workers': [] })
    // With a card that lives no server that starts beside this test takes the folder for a dead one.
    writeCard(place, { uid, path: join(folder, 'rr.yaml'), listen: '' }, '1')
    spoil(place)
    const { code, out, err } = await rr(folder, ['workers'])
    assert.deepEqual([code, out], [1, ''], what)
    assert.match(err, /RR_PRIVATE_FOLDER/, what)
    chmodSync(place, 0o700)
    chownSync(place, uid, uid)
  }
})

test('a link of the private folder that leads elsewhere is not followed', async (t) => {
  const { folder, place } = await play(t, { 'rr.Workers': [] })
  const elsewhere = join(folder, 'elsewhere')
  renameSync(place, elsewhere)
  symlinkSync(elsewhere, place)
  const { code, err } = await rr(folder, ['workers'])
  assert.equal(code, 1)
  assert.match(err, /RR_NOT_RUNNING/)
})

test('a server is found through a moved link to its release, and with a broken or deleted file', async (t) => {
  const folder = await testFolder(t)
  for (const release of ['1', '2']) {
    mkdirSync(join(folder, release))
    writeFileSync(join(folder, release, 'rr.yaml'), lambdaConfig(workerText('echo'), { count: 1 }))
  }
  symlinkSync('1', join(folder, 'current'))
  const running = await startRr(t, ['serve', '-c', 'current/rr.yaml'], { folder })
  await started(running)
  const finds = async (cwd: string, words: readonly string[], env = {}) =>
    (await rr(cwd, ['workers', '--json', ...words], env)).code === 0
  const viaLink = ['-c', 'current/rr.yaml']
  assert.ok(await finds(folder, viaLink))
  assert.ok(await finds(folder, ['-c', '1/rr.yaml']))
  rmSync(join(folder, 'current'))
  symlinkSync('2', join(folder, 'current'))
  assert.ok(await finds(folder, viaLink))
  assert.ok(await finds(folder, ['-c', join(folder, 'current/rr.yaml')]))
  assert.ok(await finds('/', [], { RR_CONFIG: join(folder, 'current/rr.yaml') }))
  assert.ok(await finds(join(folder, '1'), []))
  // As a shell has it that went there by the link.
  assert.ok(await finds(join(folder, 'current'), [], { PWD: join(folder, 'current') }))
  assert.ok(!(await finds(folder, ['-c', '2/rr.yaml'])))
  const other = await rr(folder, ['workers', '-c', '2/rr.yaml'])
  assert.match(
    other.err,
    new RegExp(`no server runs for ${folder}/2/rr.yaml\\n.*${folder}/current/rr.yaml \\(pid`),
  )
  const second = await startRr(t, ['serve', ...viaLink], { folder })
  assert.equal(await second.ended, 1)
  assert.match(second.text(), /RR_ALREADY_RUNNING/)
  writeFileSync(join(folder, '2', 'rr.yaml'), 'version: [')
  assert.ok(await finds(folder, viaLink))
  rmSync(join(folder, '2'), { recursive: true })
  assert.equal((await rr(folder, ['stop', ...viaLink])).code, 0)
  assert.equal(await running.ended, 0)
})

test('without a file the server is the one of the working directory', async (t) => {
  const folder = await testFolder(t)
  const { code, err } = await rr(folder, ['workers'])
  assert.equal(code, 1)
  assert.match(
    err,
    new RegExp(`RR_CONFIG_NOT_FOUND: no configuration file found; looked for ${folder}/rr.yaml`),
  )
})

test('rr stop waits for a server that goes on telling that it stops, and says so', async (t) => {
  const running = await startRr(t, ['serve'], { config: lambdaConfig(workerText('late'), { count: 1 }) })
  const { invoke: url } = await started(running)
  const { invokeAt } = await import('../../helpers/rr.js')
  const answer = invokeAt(String(url), '7000')
  const { eventually } = await import('../../helpers/wait.js')
  await eventually(async () => /busy/.test((await rr(running.folder, ['workers', '--json'])).out))
  const { code, err } = await rr(running.folder, ['stop'])
  assert.equal(code, 0)
  assert.match(
    err,
    /^waiting for 1 job, up to \d+ s; `rr stop --force` does not wait\nwaiting for the server \(pid \d+\): stopping, \d+ workers, \d+ idle, 0 callers waiting\nstopped: pid/,
  )
  assert.equal((await answer).body, 'late')
})

test('a blocked server is told of as blocked', async (t) => {
  const folder = await testFolder(t)
  const plugin = join(folder, 'blocks.mjs')
  writeFileSync(
    plugin,
    `export default { apiVersion: 1, name: 'blocks', needs: {}, config: { properties: {} }, timeouts: {},
      setup() { setTimeout(() => { console.error('{"message":"blocking","level":"info"}'); for (;;); }, 300) } }`,
  )
  writeFileSync(join(folder, 'rr.yaml'), `version: "3"\nplugins: ["${plugin}"]\n`)
  const running = await startRr(t, ['serve'], { folder })
  await running.line((line) => line.message === 'blocking')
  const { code, err } = await rr(folder, ['stop'])
  assert.equal(code, 1)
  assert.match(err, new RegExp(`process ${running.child.pid} is blocked: a long computation`))
})

test('under rr lambda run a frozen server is told of as frozen by it, and rr stop ends the run in order', async (t) => {
  const folder = await testFolder(t)
  writeFileSync(join(folder, 'rr.yaml'), lambdaConfig(workerText('echo'), { count: 1, more: '' }))
  const emulator = await startRr(t, ['lambda', 'run', '--address', '127.0.0.1:0'], { folder })
  const { address } = await emulator.line((line) => line.message === 'waiting for events')
  const { invokeAt } = await import('../../helpers/rr.js')
  await invokeAt(`http://${address}/2015-03-31/functions/function/invocations`, '1')
  await emulator.line((line) => line.message === 'frozen')
  const asked = await rr(folder, ['workers'])
  assert.equal(asked.code, 1)
  assert.match(
    asked.err,
    /is frozen: it was stopped \(SIGSTOP\)\n +`rr lambda run` \(pid \d+\) freezes it between events/,
  )
  const { code, err } = await rr(folder, ['stop'])
  assert.equal(code, 0, err)
  assert.match(err, /^stopped: rr lambda run \(pid \d+\), .*rr\.yaml\n$/)
  assert.equal(await emulator.ended, 0)
  await emulator.line((line) => line.message === 'ended the environment')
})
