/** Which folder a server is known by, who gets it, and what a start clears away. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { systemClock } from '../../../src/core/clock.js'
import { ErrorCode, hasCode } from '../../../src/core/errors.js'
import { listenUnix } from '../../../src/ipc/listen.js'
import { readCard } from '../../../src/supervisor/folder/card.js'
import { claimFolder } from '../../../src/supervisor/folder/claim.js'
import {
  privateFolderPath,
  relayRootPath,
  rootFolderPath,
} from '../../../src/supervisor/folder/private-folder.js'
import { holdStartLock } from '../../../src/supervisor/folder/start-lock.js'
import { testFolder } from '../../helpers/rr.js'
import { ManualClock } from '../../ipc/manual-clock.js'

const uid = process.getuid?.() ?? 0
const root = rootFolderPath(uid)

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}

/** Takes the folder as a server does, with its socket. */
async function claim(t: TestContext, path: string, listen = '') {
  const identity = { uid, path, listen }
  const server = createServer()
  const giveBack = await claimFolder({ identity, version: '1.2.3', clock: systemClock }, (folder) =>
    listenUnix(server, join(folder, 'rpc.sock')),
  )
  const end = () => {
    server.close()
    giveBack()
  }
  t.after(end)
  return { folder: privateFolderPath(identity), end }
}

const claimScript = `
  const [, modules, path] = process.argv
  const { claimFolder } = await import(modules + '/src/supervisor/folder/claim.js')
  const { systemClock } = await import(modules + '/src/core/clock.js')
  const { listenUnix } = await import(modules + '/src/ipc/listen.js')
  const { createServer } = await import('node:net')
  const identity = { uid: process.getuid(), path, listen: '' }
  try {
    await claimFolder({ identity, version: '1', clock: systemClock }, (folder) =>
      listenUnix(createServer(), folder + '/rpc.sock'))
    console.log('won')
  } catch (error) {
    console.log(error.code)
    process.exit(1)
  }`

/** A process that takes the folder of `path` and keeps it; resolves with what it says. */
async function claimingProcess(t: TestContext, path: string) {
  const { buildFolder } = await import('../../helpers/project.js')
  const child = spawn(process.execPath, ['--input-type=module', '-e', claimScript, buildFolder, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  const [said] = await once(child.stdout, 'data')
  return { said: String(said).trim(), child }
}

async function killed(t: TestContext, path: string): Promise<void> {
  const { child, said } = await claimingProcess(t, path)
  assert.equal(said, 'won')
  child.kill('SIGKILL')
  await once(child, 'exit')
}

test('the folder is named by the path as it was given, a newline and rpc.listen where that is set', () => {
  const path = '/srv/app/current/rr.yaml'
  assert.equal(privateFolderPath({ uid: 7, path, listen: '' }), `/tmp/rr-7/${hashOf(path)}`)
  const listen = 'tcp://127.0.0.1:6001'
  assert.equal(privateFolderPath({ uid: 7, path, listen }), `/tmp/rr-7/${hashOf(`${path}\n${listen}`)}`)
})

test('a server is found by the real path, too, and only it removes that link', async (t) => {
  const folder = await testFolder(t)
  mkdirSync(join(folder, 'one'))
  writeFileSync(join(folder, 'one', 'rr.yaml'), '')
  symlinkSync('one', join(folder, 'current'))
  const server = await claim(t, join(folder, 'current', 'rr.yaml'))
  const alias = join(root, hashOf(join(folder, 'one', 'rr.yaml')))
  assert.equal(readlinkSync(alias), hashOf(join(folder, 'current', 'rr.yaml')))
  assert.equal(lstatSync(server.folder).mode & 0o777, 0o700)
  await assert.rejects(claim(t, join(folder, 'one', 'rr.yaml')), { code: ErrorCode.AlreadyRunning })
  server.end()
  assert.ok(!existsSync(server.folder))
  assert.throws(() => lstatSync(alias), { code: 'ENOENT' })
})

test('the same file by two names is one server, and with two rpc.listen it is two', async (t) => {
  const folder = await testFolder(t)
  writeFileSync(join(folder, 'rr.yaml'), '')
  symlinkSync('rr.yaml', join(folder, 'other.yaml'))
  await claim(t, join(folder, 'rr.yaml'))
  await assert.rejects(claim(t, join(folder, 'other.yaml')), {
    code: ErrorCode.AlreadyRunning,
    message: new RegExp(`process ${process.pid}`),
  })
  const two = await claim(t, join(folder, 'rr.yaml'), 'tcp://127.0.0.1:1')
  const three = await claim(t, join(folder, 'rr.yaml'), 'tcp://127.0.0.1:2')
  assert.notEqual(two.folder, three.folder)
})

test('of starts at the same moment exactly one wins, also over the socket of a killed server', async (t) => {
  const path = join(await testFolder(t), 'rr.yaml')
  writeFileSync(path, '')
  await killed(t, path)
  const starts = await Promise.all(Array.from({ length: 5 }, () => claimingProcess(t, path)))
  assert.deepEqual(starts.map(({ said }) => said).sort(), [...Array(4).fill('RR_ALREADY_RUNNING'), 'won'])
})

test('within one process, too, one of many wins', async (t) => {
  const path = join(await testFolder(t), 'rr.yaml')
  writeFileSync(path, '')
  await killed(t, path)
  const claims = await Promise.allSettled(Array.from({ length: 10 }, () => claim(t, path)))
  assert.equal(claims.filter(({ status }) => status === 'fulfilled').length, 1)
  for (const one of claims)
    if (one.status === 'rejected')
      assert.ok(hasCode(one.reason, ErrorCode.AlreadyRunning), String(one.reason))
})

test('a server that was stopped is a live one', async (t) => {
  const path = join(await testFolder(t), 'rr.yaml')
  writeFileSync(path, '')
  const { child } = await claimingProcess(t, path)
  child.kill('SIGSTOP')
  await assert.rejects(claim(t, path), {
    code: ErrorCode.AlreadyRunning,
    message: new RegExp(`${child.pid}`),
  })
})

test('one whose socket was removed by somebody is a live one as well', async (t) => {
  const path = join(await testFolder(t), 'rr.yaml')
  writeFileSync(path, '')
  const { child } = await claimingProcess(t, path)
  const folder = privateFolderPath({ uid, path, listen: '' })
  rmSync(join(folder, 'rpc.sock'))
  await assert.rejects(claim(t, path), { code: ErrorCode.AlreadyRunning })
  assert.equal(readCard(folder)?.pid, child.pid)
})

test('a start sweeps what killed servers left, and nothing that lives or is not ours', async (t) => {
  const files = await testFolder(t)
  const paths = ['dead', 'live', 'own'].map((name) => join(files, name))
  for (const path of paths) writeFileSync(path, '')
  const [dead = '', live = '', own = ''] = paths
  await killed(t, dead)
  const deadFolder = privateFolderPath({ uid, path: dead, listen: '' })
  for (const name of ['fifo-1-2', 'watchdog-7-0', 'worker.sock']) writeFileSync(join(deadFolder, name), '')
  const liveFolder = (await claim(t, live)).folder
  const mixed = join(root, randomBytes(6).toString('hex'))
  mkdirSync(mixed, { mode: 0o700 })
  t.after(() => rmSync(mixed, { recursive: true, force: true }))
  for (const name of ['rpc.sock', 'notes.txt']) writeFileSync(join(mixed, name), '')
  const fresh = join(root, randomBytes(6).toString('hex'))
  mkdirSync(fresh, { mode: 0o700 })
  t.after(() => rmSync(fresh, { recursive: true, force: true }))
  const links = ['x', 'y'].map(() => join(root, randomBytes(6).toString('hex')))
  symlinkSync('000000000000', links[0] ?? '')
  symlinkSync(hashOf(own), links[1] ?? '')
  const stranger = join(root, 'not-ours')
  writeFileSync(stranger, '')
  t.after(() => rmSync(stranger, { force: true }))
  mkdirSync(join(relayRootPath(uid), hashOf(dead)), { recursive: true })
  chmodSync(relayRootPath(uid), 0o711)
  writeFileSync(join(relayRootPath(uid), hashOf(dead), '33.sock'), '')

  const { folder } = await claim(t, own)
  assert.deepEqual(readdirSync(folder).sort(), ['rpc.sock', 'server.json'])
  assert.ok(!existsSync(deadFolder))
  assert.ok(!existsSync(join(relayRootPath(uid), hashOf(dead))))
  assert.deepEqual(readdirSync(liveFolder).sort(), ['rpc.sock', 'server.json'])
  assert.deepEqual(readdirSync(mixed), ['notes.txt'])
  // A server of an older version may be about to listen in it.
  assert.ok(existsSync(fresh))
  for (const link of links) assert.throws(() => lstatSync(link), { code: 'ENOENT' })
  assert.ok(existsSync(stranger))
  utimesSync(fresh, 0, 0)
  const again = await claim(t, dead)
  assert.ok(!existsSync(fresh))
  assert.ok(existsSync(again.folder))
})

test('a folder that is not ours alone is refused', async (t) => {
  const path = join(await testFolder(t), 'rr.yaml')
  writeFileSync(path, '')
  const folder = privateFolderPath({ uid, path, listen: '' })
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  mkdirSync(folder)
  chmodSync(folder, 0o755)
  await assert.rejects(claim(t, path), { code: ErrorCode.PrivateFolder, message: /mode 0755.*0700/ })
  rmSync(folder, { recursive: true })
  writeFileSync(folder, 'a file')
  await assert.rejects(claim(t, path), { code: ErrorCode.PrivateFolder, message: /not a folder/ })
})

test('a start lock of an ended process is taken over; one of a stopped start is awaited 10 s and named', async (t) => {
  const folder = await testFolder(t)
  writeFileSync(join(folder, '.start-7'), '999999999 1')
  const release = await holdStartLock(folder, systemClock)
  assert.deepEqual(readdirSync(folder), ['.start-8'])
  const clock = new ManualClock()
  const second = assert.rejects(holdStartLock(folder, clock), {
    code: ErrorCode.AlreadyRunning,
    message: new RegExp(`process ${process.pid} has been starting`),
  })
  while (clock.timerCount > 0) {
    clock.advance(1000)
    await new Promise((resolve) => setImmediate(resolve))
  }
  await second
  release()
  ;(await holdStartLock(folder, systemClock))()
  assert.deepEqual(readdirSync(folder), ['.start-9'])
})
