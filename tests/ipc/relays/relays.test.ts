/** Every adapter of the relay port against the one conformance suite, with real processes and sockets. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type ListenOptions, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { MessageChannel } from 'node:worker_threads'
import type { RelayLimits } from '../../../src/ipc/relay.js'
import { fifoRelay } from '../../../src/ipc/relays/fifo-relay.js'
import { memoryStreamPair } from '../../../src/ipc/relays/memory-relay.js'
import { pipesRelay } from '../../../src/ipc/relays/pipes-relay.js'
import { socketRelay } from '../../../src/ipc/relays/socket-relay.js'
import { StreamRelay, sourceOf } from '../../../src/ipc/relays/stream-relay.js'
import { portStream } from '../../../src/ipc/relays/thread-relay.js'
import { makeFifos, openFifo } from '../../../src/supervisor/worker/os/fifo.js'
import { type Transport, testRelay } from '../../conformance/relay.js'
import { servePeer } from '../peer.js'

async function overPipes(t: TestContext, limits: RelayLimits): Promise<Transport> {
  const peer = fileURLToPath(new URL('../peer-process.js', import.meta.url))
  const child = spawn(process.execPath, [peer], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  const peerGone = once(child, 'exit').then(() => undefined)
  return { relay: pipesRelay(child.stdout, child.stdin, limits), peerGone }
}

async function overFifos(t: TestContext, limits: RelayLimits): Promise<Transport> {
  const folder = await inFolder(t)
  const paths = ['in', 'out'].map((name) => join(folder, name))
  await makeFifos(paths)
  const [stdin, stdout] = [openFifo(paths[0] ?? '', 'reads'), openFifo(paths[1] ?? '', 'writes')]
  const peer = fileURLToPath(new URL('../peer-process.js', import.meta.url))
  const child = spawn(process.execPath, [peer], { stdio: [stdin.childFd, stdout.childFd, 'inherit'] })
  for (const fifo of [stdin, stdout]) fifo.closeChildEnd()
  t.after(() => child.kill('SIGKILL'))
  const peerGone = once(child, 'exit').then(() => undefined)
  return { relay: fifoRelay({ inputFd: stdout.fd, outputFd: stdin.fd }, limits), peerGone }
}

async function overSocket(t: TestContext, limits: RelayLimits, where: ListenOptions): Promise<Transport> {
  const server = createServer({ allowHalfOpen: true })
  server.listen(where)
  await once(server, 'listening')
  t.after(() => server.close())
  const bound = server.address()
  const accepted = once(server, 'connection')
  const socket = connect(
    typeof bound === 'string' ? { path: bound } : { host: '127.0.0.1', port: bound?.port ?? 0 },
  )
  const [peer]: Socket[] = await accepted
  if (peer === undefined) throw new Error('nothing was accepted')
  servePeer(peer, peer)
  const peerGone = once(peer, 'close').then(() => undefined)
  return { relay: socketRelay(socket, limits), peerGone }
}

async function inFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rr-relay-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

function inMemory(limits: RelayLimits, chunkBytes?: number): Transport {
  const [ours, theirs] = memoryStreamPair(chunkBytes === undefined ? {} : { chunkBytes })
  servePeer(theirs, theirs)
  const peerGone = new Promise<void>((resolve) => theirs.once('close', resolve))
  return { relay: new StreamRelay(sourceOf(ours), ours, limits), peerGone }
}

function overPort(limits: RelayLimits): Transport {
  const { port1, port2 } = new MessageChannel()
  const [ours, theirs] = [portStream(port1), portStream(port2)]
  servePeer(theirs, theirs)
  const peerGone = new Promise<void>((resolve) => theirs.once('close', resolve))
  return { relay: new StreamRelay(sourceOf(ours), ours, limits), peerGone }
}

testRelay('pipes', overPipes)
testRelay('fifo', overFifos)
testRelay('unix', async (t, limits) => overSocket(t, limits, { path: join(await inFolder(t), 'relay.sock') }))
testRelay('tcp', (t, limits) => overSocket(t, limits, { host: '127.0.0.1', port: 0 }))
testRelay('memory', async (_t, limits) => inMemory(limits))
testRelay('memory in chunks of 1000 bytes', async (_t, limits) => inMemory(limits, 1000))
testRelay('a message port', async (_t, limits) => overPort(limits))
