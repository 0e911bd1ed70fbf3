/** A server of HTTP with workers, and clients that see what it writes. */
import { once } from 'node:events'
import { type IncomingHttpHeaders, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { fixture } from './project.js'
import { type RunningRr, started, startRr, testFolder, workerText } from './rr.js'

/** Options of a server. */
export interface HttpServerOptions {
  /** Command of the workers; the PHP fixture unless it is given. */
  readonly worker?: string
  /** Keys of the pool. */
  readonly pool?: string
  readonly workers?: number
  /** Lines of the section `http`. */
  readonly http?: readonly string[]
  /** Lines of the file beside it. */
  readonly more?: readonly string[]
  readonly files?: Readonly<Record<string, string>>
  readonly env?: Readonly<Record<string, string>>
  readonly folder?: string
}

/** A running server. */
export interface HttpServer {
  readonly rr: RunningRr
  readonly folder: string
  readonly port: number
  /** Sends a request and reads its whole answer. */
  ask(path: string, options?: AskOptions): Promise<Answered>
  /** Opens a connection for bytes of one's own. */
  connect(): Promise<RawClient>
}

/** Parts of a request. */
export interface AskOptions {
  readonly method?: string
  readonly headers?: OutgoingHttpHeaders
  readonly body?: string | Buffer
}

/** An answer. */
export interface Answered {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly raw: readonly string[]
  readonly trailers: Readonly<Record<string, string | undefined>>
  /** Informational answers before it. */
  readonly hints: readonly { readonly status: number; readonly headers: IncomingHttpHeaders }[]
  readonly bytes: Buffer
  readonly text: string
}

/** The command of the PHP fixture. */
export const phpWorker = `php ${process.env.PSR7_WORKER ?? fixture('workers', 'psr7.php')}`
/** The command of a worker that answers with what its request's body says. */
export const echoWorker = () => workerText('http-by-body')

/** Starts `rr serve` with a section `http` on a free port. */
export async function startHttpServer(t: TestContext, options: HttpServerOptions = {}): Promise<HttpServer> {
  const folder = options.folder ?? (await testFolder(t))
  const { workers = 1, worker = phpWorker, pool = '', http = [], more = [] } = options
  const config = [
    'version: "3"',
    `server: { command: ${JSON.stringify(worker)} }`,
    ...more,
    'http:',
    '  address: 127.0.0.1:0',
    `  pool: { num_workers: ${workers}${pool === '' ? '' : `, ${pool}`} }`,
    ...http.map((line) => `  ${line}`),
    '',
  ].join('\n')
  const { files = {}, env = {} } = options
  const rr = await startRr(t, ['serve'], { folder, config, files, env })
  const line = await started(rr)
  const port = Number(/:(\d+)$/.exec(String(line.http))?.[1])
  return {
    rr,
    folder,
    port,
    ask: (path, asked) => ask(port, path, asked),
    connect: () => rawClient(t, port),
  }
}

/** Sends a request over a connection of its own. */
export function ask(port: number, path: string, { method = 'GET', headers = {}, body }: AskOptions = {}) {
  return new Promise<Answered>((resolve, reject) => {
    const hints: { status: number; headers: IncomingHttpHeaders }[] = []
    const asked = request({ port, path, method, headers: { ...headers }, agent: false })
    asked.on('information', ({ statusCode, headers: given }) =>
      hints.push({ status: statusCode, headers: given }),
    )
    asked.on('error', reject)
    asked.on('response', (answer) => void whole(answer, hints).then(resolve, reject))
    asked.end(body)
  })
}

async function whole(answer: IncomingMessage, hints: Answered['hints']): Promise<Answered> {
  const chunks: Buffer[] = []
  for await (const chunk of answer) chunks.push(chunk)
  const bytes = Buffer.concat(chunks)
  return {
    status: answer.statusCode ?? 0,
    headers: answer.headers,
    raw: answer.rawHeaders,
    trailers: answer.trailers,
    hints,
    bytes,
    text: bytes.toString(),
  }
}

/** A connection, and all that has come over it. */
interface RawClient {
  readonly socket: Socket
  text(): string
  /** Resolves when what has come `matches`; rejects when the connection ends without it. */
  until(matches: RegExp): Promise<string>
  /** Resolves with everything when the server has closed the connection. */
  readonly ended: Promise<string>
}

/** Connects to a port of this machine. */
async function rawClient(t: TestContext, port: number): Promise<RawClient> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  t.after(() => socket.destroy())
  await once(socket, 'connect')
  let text = ''
  socket.setEncoding('latin1')
  socket.on('data', (chunk: string) => {
    text += chunk
  })
  // A reset is an end, too.
  socket.on('error', () => undefined)
  const ended = new Promise<string>((resolve) => {
    socket.once('end', () => resolve(text))
    socket.once('close', () => resolve(text))
  })
  const until = (matches: RegExp) =>
    new Promise<string>((resolve, reject) => {
      const look = () => {
        if (matches.test(text)) resolve(text)
      }
      look()
      socket.on('data', look)
      void ended.then(() => reject(new Error(`the connection ended after ${JSON.stringify(text)}`)))
    })
  return { socket, text: () => text, until, ended }
}
