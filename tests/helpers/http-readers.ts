/** Both readers of HTTP/1.1 over streams in memory, in front of a pool whose worker answers every request with 200. */
import { createServer } from 'node:http'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { systemClock } from '../../src/core/clock.js'
import { silentLogger } from '../../src/logging/logger.js'
import type { SectionMiddleware } from '../../src/plugins/http/middleware/built-in.js'
import { PlainMiddleware } from '../../src/plugins/http/middleware/plain-middleware.js'
import { AccessLog } from '../../src/plugins/http/node/access-log.js'
import type { ServeOptions } from '../../src/plugins/http/node/serve-request.js'
import { PlainConnection } from '../../src/plugins/http/plain/plain-connection.js'
import { DateLine } from '../../src/plugins/http/plain/wire-head.js'
import { requestPaths } from '../../src/plugins/http/request-paths.js'
import { HeadMemory } from '../../src/plugins/http/serving/head-memory.js'
import { Codec, type Job, type Reply } from '../../src/supervisor/job.js'
import type { Lease, Pool } from '../../src/supervisor/pool/pool.js'
import { BodyBudget } from '../../src/work/http/index.js'

/** Result of some bytes. */
export interface ReaderOutcome {
  readonly statuses: readonly number[]
  readonly requests: readonly (readonly [method: string, target: string, body: string])[]
  readonly isClosed: boolean
  /** All bytes that came back, as Latin-1. */
  readonly text: string
  /** True when the reader of plain requests handed the connection over. */
  readonly wasHandedOver: boolean
}

/** The readers. */
export type ReaderName = 'node' | 'plain'

/** What stands behind the readers. */
export interface ReaderWorld {
  /** Absent: none. */
  readonly middleware?: SectionMiddleware
  /** The worker's answer; absent: 200 without headers and body. */
  readonly reply?: (job: Job) => Pick<Reply, 'context' | 'body'>
  readonly sendFile?: ServeOptions['sendFile']
  /** True for text that is all that is to come; absent: the end is told by silence, which holds where nothing waits for the system. */
  readonly isAll?: (text: string) => boolean
}

const noMiddleware: SectionMiddleware = { all: [], plain: new PlainMiddleware([]) }

/** Hands pieces of bytes to a reader, each in a turn of the loop of its own, and waits for what comes of them. */
export async function readBytes(
  reader: ReaderName,
  pieces: readonly Buffer[],
  { middleware = noMiddleware, reply = () => emptyReply, sendFile, isAll = () => true }: ReaderWorld = {},
): Promise<ReaderOutcome> {
  const requests: [string, string, string][] = []
  const answer = (job: Job) => {
    requests.push(requestOf(job))
    return reply(job)
  }
  const serving: ServeOptions = { ...serveOptions(answer), sendFile }
  const log = silentLogger
  const accessLog = new AccessLog({ log, clock: systemClock, isAsked: false })
  const { handle, plain } = requestPaths({ middleware, serving, accessLog, log })
  const server = createServer({ keepAliveTimeout: 0 }, handle)
  let wasHandedOver = false
  let text = ''
  let isClosed = false
  const wire = new Duplex({
    allowHalfOpen: true,
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      text += chunk.toString('latin1')
      done()
    },
    final: (done) => {
      isClosed = true
      done()
    },
    destroy: (_error, done) => {
      isClosed = true
      done(null)
    },
  })
  wire.on('error', () => undefined)
  // node:http takes any duplex stream as a connection.
  const socket = wire as unknown as Socket
  const handOver = () => {
    wasHandedOver = true
    server.emit('connection', socket)
  }
  if (reader === 'node') server.emit('connection', socket)
  else {
    new PlainConnection(
      socket,
      { remoteAddr: '127.0.0.1', isSecure: false },
      {
        ...plain,
        handOver,
        headBytesMax: 16 * 1024,
        date: new DateLine(() => 0),
        tick: () => 0,
        onGone: () => undefined,
      },
    )
  }
  for (const piece of pieces) {
    if (!wire.destroyed) wire.push(piece)
    await turn()
  }
  // What a worker answers takes a turn, and bodies are read in some more.
  for (let quiet = 0, before = ''; quiet < 8; quiet += 1) {
    await turn()
    const now = `${text.length} ${requests.length} ${isClosed}`
    if (now !== before || !isAll(text)) quiet = 0
    before = now
  }
  const ended = isClosed
  wire.destroy()
  server.close()
  const statuses = [...text.matchAll(/^HTTP\/1\.1 (\d+) /gm)].map(([, status]) => Number(status))
  return { statuses, requests, isClosed: ended, text, wasHandedOver }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function requestOf(job: Job): [string, string, string] {
  const context: { readonly method: string; readonly uri: string } = Object(
    JSON.parse(Buffer.from(job.context).toString()),
  )
  return [
    context.method,
    context.uri.replace(/^http:\/\/x(?=\/)/, ''),
    Buffer.from(job.body).toString('latin1'),
  ]
}

const emptyReply = { context: Buffer.from('{"status":200,"headers":{}}'), body: Buffer.alloc(0) }

function serveOptions(replyTo: (job: Job) => Pick<Reply, 'context' | 'body'>): ServeOptions {
  const heads = new HeadMemory()
  const lease: Pick<Lease, 'start' | 'release'> = {
    start: (job, _options, sink) => {
      const reply = { ...replyTo(job), flags: Codec.json }
      setImmediate(() => sink.done(reply))
    },
    release: () => undefined,
  }
  const pool: Pick<Pool, 'name' | 'tryAcquire'> = { name: 'http', tryAcquire: () => lease as Lease }
  let count = 0
  return {
    runFor: () => ({
      pool: pool as Pool,
      log: silentLogger,
      faults: { status: undefined, isShown: false },
      readHead: (context) => heads.read(context),
    }),
    codec: 'json',
    isRaw: false,
    bodyBytesMax: 1024 * 1024,
    formBytesMax: 1024 * 1024,
    room: new BodyBudget(16 * 1024 * 1024),
    forms: {
      uploads: { dir: '', forbid: [], allow: [], max_files: 20, max_fields: 1000 },
      newId: () => 'id',
      remove: () => Promise.resolve(),
      emptyForm: '{}',
    },
    newId: () => {
      count += 1
      return `job-${count}`
    },
    isStopping: () => false,
    sendFile: undefined,
    tracing: undefined,
  }
}
