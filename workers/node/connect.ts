/** The worker's end of the relay that RR_RELAY names. Over pipes, whatever prints to standard output is sent to standard error. */
import { connect } from 'node:net'
import { Writable } from 'node:stream'
import { pipesRelay } from '../../src/ipc/pipes-relay.js'
import { defaultRelayLimits, type Relay } from '../../src/ipc/relay.js'
import { socketRelay } from '../../src/ipc/socket-relay.js'
import { StreamRelay } from '../../src/ipc/stream-relay.js'
import { markRelayTaken, takeThreadStream } from '../../src/ipc/thread-relay.js'

/** Connects: `pipes` (the default), `unix://PATH`, `tcp://HOST:PORT`, `thread`. Rejects when nobody listens there. */
export async function connectRelay(address: string): Promise<Relay> {
  markRelayTaken()
  if (address === 'thread') return threadRelay()
  const unix = /^unix:\/\/(.+)$/.exec(address)?.[1]
  const [, host, port] = /^tcp:\/\/(.+):(\d+)$/.exec(address) ?? []
  if (unix === undefined && host === undefined)
    return pipesRelay(process.stdin, relayOutput(), defaultRelayLimits)
  const socket = unix === undefined ? connect({ host: host ?? '', port: Number(port) }) : connect(unix)
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
  })
  return socketRelay(socket, defaultRelayLimits)
}

function threadRelay(): Relay {
  const stream = takeThreadStream()
  return new StreamRelay(stream, stream, defaultRelayLimits)
}

/** Keeps standard output for frames: from now on `console.log` and all who write there reach standard error. */
function relayOutput(): Writable {
  const write = process.stdout.write.bind(process.stdout)
  process.stdout.write = process.stderr.write.bind(process.stderr)
  return new Writable({ decodeStrings: false, write: (chunk, _encoding, done) => void write(chunk, done) })
}
