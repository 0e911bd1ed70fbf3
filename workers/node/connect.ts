/**
 * The worker's end of the relay that RR_RELAY names. Over pipes, text printed to standard output is sent to standard error.
 */
import { connect, type Socket } from 'node:net'
import { Readable, Writable } from 'node:stream'
import { MessagePort } from 'node:worker_threads'
import { defaultRelayLimits, type Relay } from '../../src/ipc/relay.js'
import { pipesRelay } from '../../src/ipc/relays/pipes-relay.js'
import { socketRelay } from '../../src/ipc/relays/socket-relay.js'
import { StreamRelay, sourceOf } from '../../src/ipc/relays/stream-relay.js'
import { markRelayTaken, takeThreadStream } from '../../src/ipc/relays/thread-relay.js'

/** Relay that can be told whether it keeps the process running. */
export interface RelayLink {
  readonly relay: Relay
  /** Keeps the process running while the relay is open; the initial state. */
  ref(): void
  /** Lets the event loop run empty although the relay is open. */
  unref(): void
}

/**
 * Connects: `pipes` (the default), `unix://PATH`, `tcp://HOST:PORT`, `thread`. Rejects when no process listens there.
 */
export async function connectRelay(address: string): Promise<RelayLink> {
  markRelayTaken()
  if (address === 'thread') return threadLink()
  const unix = /^unix:\/\/(.+)$/.exec(address)?.[1]
  const [, host, port] = /^tcp:\/\/(.+):(\d+)$/.exec(address) ?? []
  if (unix === undefined && host === undefined) return pipesLink()
  const socket = unix === undefined ? connect({ host: host ?? '', port: Number(port) }) : connect(unix)
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
  })
  return { relay: socketRelay(socket, defaultRelayLimits), ...holdOf(() => [socket]) }
}

function pipesLink(): RelayLink {
  const input = process.stdin
  const relay = pipesRelay(input, relayOutput(), defaultRelayLimits)
  // Code that reads standard input would take the server's frames: it finds an empty input, as in Lambda.
  Object.defineProperty(process, 'stdin', { value: Readable.from([]), writable: true, configurable: true })
  return { relay, ...holdOf(() => [input]) }
}

function threadLink(): RelayLink {
  const stream = takeThreadStream()
  // Everything that keeps an idle thread running, including the ports of its pool.
  const ports = activeHandles().filter((one) => one instanceof MessagePort)
  return { relay: new StreamRelay(sourceOf(stream), stream, defaultRelayLimits), ...holdOf(() => ports) }
}

function activeHandles(): readonly unknown[] {
  const list: unknown = Reflect.get(process, '_getActiveHandles')
  const handles: unknown = typeof list === 'function' ? Reflect.apply(list, process, []) : []
  return Array.isArray(handles) ? handles : []
}

function holdOf(handles: () => readonly (Socket | MessagePort)[]): Pick<RelayLink, 'ref' | 'unref'> {
  return {
    ref: () => {
      for (const handle of handles()) handle.ref()
    },
    unref: () => {
      for (const handle of handles()) handle.unref()
    },
  }
}

/** Keeps standard output for frames: from now on `console.log` and all who write there reach standard error. */
function relayOutput(): Writable {
  const write = process.stdout.write.bind(process.stdout)
  process.stdout.write = process.stderr.write.bind(process.stderr)
  return new Writable({ decodeStrings: false, write: (chunk, _encoding, done) => void write(chunk, done) })
}
