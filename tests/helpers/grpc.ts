/** A server of gRPC with workers, and a real client of it. */
import type { TestContext } from 'node:test'
import {
  Client,
  type ClientOptions,
  credentials,
  Metadata,
  type ServiceError,
  type StatusObject,
} from '@grpc/grpc-js'
import { fixture, projectFolder } from './project.js'
import { type RunningRr, started, startRr, testFolder } from './rr.js'

/** Options of a server. */
export interface GrpcServerOptions {
  /** Command of the workers; the PHP fixture unless it is given. */
  readonly worker?: string
  readonly workers?: number
  /** Keys of the pool. */
  readonly pool?: string
  /** Lines of the section `grpc`. */
  readonly grpc?: readonly string[]
  /** Lines of the file beside it. */
  readonly more?: readonly string[]
}

/** A running server. */
export interface GrpcServer {
  readonly rr: RunningRr
  readonly port: number
  readonly address: string
}

/** Starts `rr serve` with a section `grpc` on a free port. */
export async function startGrpcServer(t: TestContext, options: GrpcServerOptions = {}): Promise<GrpcServer> {
  const {
    worker = `php ${fixture('workers', 'grpc.php')}`,
    workers = 1,
    pool = '',
    grpc = [],
    more = [],
  } = options
  const config = [
    'version: "3"',
    `server: { command: ${JSON.stringify(worker)} }`,
    ...more,
    'grpc:',
    '  listen: 127.0.0.1:0',
    `  pool: { num_workers: ${workers}${pool === '' ? '' : `, ${pool}`} }`,
    ...(grpc.some((line) => line.startsWith('proto:')) ? [] : [`proto: [${deedsProto}]`])
      .concat(grpc)
      .map((line) => `  ${line}`),
    '',
  ].join('\n')
  const rr = await startRr(t, ['serve'], { folder: await testFolder(t), config })
  const line = await started(rr)
  const address = String(line.grpc)
  return { rr, address, port: Number(/:(\d+)$/.exec(address)?.[1]) }
}

/** File of the services that the PHP fixture answers. */
const deedsProto = `${projectFolder}/tests/fixtures/grpc/deeds.proto`

/** End of a call. */
interface Called {
  readonly code: number
  readonly message: string
  readonly bytes: Buffer
  readonly headers: Metadata
  readonly trailers: Metadata
  /** The message as JSON of the fixture. */
  json(): Readonly<Record<string, unknown>>
}

/** Parts of a call. */
interface CallOptionsOfTest {
  readonly body?: string | Buffer
  readonly metadata?: Readonly<Record<string, string | Buffer>>
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

/** A client of Google's own package. */
export interface GrpcClient {
  readonly client: Client
  /** Calls a unary method and waits for its end, which may be an error. */
  call(path: string, options?: CallOptionsOfTest): Promise<Called>
}

/** Connects. */
export function grpcClient(
  t: TestContext,
  target: string | number,
  options: ClientOptions = {},
  creds = credentials.createInsecure(),
): GrpcClient {
  const client = new Client(typeof target === 'number' ? `127.0.0.1:${target}` : target, creds, options)
  t.after(() => client.close())
  return { client, call: (path, given) => call(client, path, given) }
}

function call(client: Client, path: string, options: CallOptionsOfTest = {}): Promise<Called> {
  const { body = '', metadata = {}, timeoutMs, signal } = options
  const sent = new Metadata()
  for (const [name, value] of Object.entries(metadata)) sent.add(name, value)
  return new Promise((resolve) => {
    let headers = new Metadata()
    let ended: { error: ServiceError | null; bytes: Buffer } | undefined
    let status: StatusObject | undefined
    const done = () => {
      if (ended === undefined || status === undefined) return
      const { bytes } = ended
      resolve({
        code: status.code,
        message: status.details,
        bytes,
        headers,
        trailers: status.metadata,
        json: () => JSON.parse(bytes.toString()),
      })
    }
    const running = client.makeUnaryRequest(
      path.startsWith('/') ? path : `/test.v1.Deeds/${path}`,
      (value: Buffer) => value,
      (bytes) => bytes,
      Buffer.from(body),
      sent,
      timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs },
      (error, bytes) => {
        ended = { error, bytes: bytes ?? Buffer.alloc(0) }
        done()
      },
    )
    running.on('metadata', (given) => {
      headers = given
    })
    running.on('status', (given) => {
      status = given
      done()
    })
    signal?.addEventListener('abort', () => running.cancel(), { once: true })
  })
}
