/** Tests listening: on a private socket file and on loopback addresses, without removing files of others. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ErrorCode } from '../../src/core/errors.js'
import { listenTcp, listenUnix, socketPathBytesMax } from '../../src/ipc/listen.js'

function newServer(t: TestContext): Server {
  const server = createServer((socket) => socket.end())
  t.after(() => server.close())
  return server
}

async function newFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rr-listen-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

async function accepts(path: string): Promise<boolean> {
  const socket = connect(path)
  await once(socket, 'connect')
  socket.destroy()
  return true
}

test('a socket file is for its owner only, whatever the umask, which stays as it was', async (t) => {
  const path = join(await newFolder(t), 'rr.sock')
  const before = process.umask(0)
  t.after(() => process.umask(before))
  await listenUnix(newServer(t), path)
  assert.equal(statSync(path).mode & 0o777, 0o600)
  assert.equal(process.umask(), 0)
  assert.ok(await accepts(path))
})

test('a socket that a killed process left is replaced', async (t) => {
  const path = join(await newFolder(t), 'rr.sock')
  const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  child.kill('SIGKILL')
  await once(child, 'exit')
  assert.ok(existsSync(path))
  await listenUnix(newServer(t), path)
  assert.equal(statSync(path).mode & 0o777, 0o600)
  assert.ok(await accepts(path))
})

test('a socket that somebody listens on is left alone and named', async (t) => {
  const path = join(await newFolder(t), 'rr.sock')
  await listenUnix(newServer(t), path)
  await assert.rejects(listenUnix(newServer(t), path), {
    code: ErrorCode.AddressInUse,
    message: new RegExp(path),
  })
  assert.ok(await accepts(path))
})

test('a file that is not a socket is never removed', async (t) => {
  const path = join(await newFolder(t), 'notes.txt')
  await writeFile(path, 'precious')
  await assert.rejects(listenUnix(newServer(t), path), {
    code: ErrorCode.SocketPath,
    message: /not a socket/,
  })
  assert.equal(readFileSync(path, 'utf8'), 'precious')
})

test('a path that the system would cut off is refused', async (t) => {
  const folder = await newFolder(t)
  const fits = join(folder, 'x'.repeat(socketPathBytesMax - folder.length - 1))
  await listenUnix(newServer(t), fits)
  assert.ok(existsSync(fits))
  await assert.rejects(listenUnix(newServer(t), `${fits}x`), {
    code: ErrorCode.SocketPath,
    message: /104 bytes; the limit is 103/,
  })
})

test('a folder that is missing is told as such', async (t) => {
  const path = join(await newFolder(t), 'missing', 'rr.sock')
  await assert.rejects(listenUnix(newServer(t), path), {
    code: ErrorCode.SocketPath,
    message: /the folder .*missing.* does not exist/,
  })
})

test('a port in use is told with the address', async (t) => {
  const first = newServer(t)
  await listenTcp(first, '127.0.0.1', 0)
  const bound = first.address()
  assert.ok(typeof bound === 'object' && bound !== null)
  await assert.rejects(listenTcp(newServer(t), '127.0.0.1', bound.port), {
    code: ErrorCode.AddressInUse,
    message: new RegExp(`tcp://127\\.0\\.0\\.1:${bound.port} is in use`),
  })
})

test('an address that others can reach is refused', async (t) => {
  for (const host of ['0.0.0.0', '::', '192.0.2.1', 'example.com', '127.0.0.1.example.com', '']) {
    await assert.rejects(
      listenTcp(newServer(t), host, 0),
      { code: ErrorCode.RelayClosed, message: /not a loopback/ },
      host,
    )
  }
})
