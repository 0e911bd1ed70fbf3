/** A runtime, an extension or an invoker that a test plays by hand, one request at a time, against an emulator in this process. */
import { type IncomingHttpHeaders, request } from 'node:http'
import type { TestContext } from 'node:test'
import { systemClock } from '../../src/core/clock.js'
import { silentLogger } from '../../src/logging/logger.js'
import { type EmulatorOptions, EmulatorServer } from '../../src/plugins/emulator/http/server.js'

/** Answer as it was read. */
interface ApiAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly trailers: NodeJS.Dict<string>
  /** `errorType` of a JSON body. */
  readonly errorType: string | undefined
}

/** Request to send. */
interface ApiRequest {
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
}

/** An emulator and the calls to it. */
export interface PlayedApi {
  readonly server: EmulatorServer
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<ApiAnswer>
  post(path: string, request?: ApiRequest): Promise<ApiAnswer>
  /** `/next`; the answer's request id. */
  next(): Promise<string>
  /** Posts to `/response` or `/error` of an event. */
  answer(id: string, kind: 'response' | 'error', request?: ApiRequest): Promise<ApiAnswer>
}

const runtime = '/2018-06-01/runtime'

/** Starts an emulator; it is closed when the test ends. */
export async function playApi(t: TestContext, options: Partial<EmulatorOptions> = {}): Promise<PlayedApi> {
  const server = new EmulatorServer({
    address: '127.0.0.1:0',
    timeoutMs: 30_000,
    clock: systemClock,
    log: silentLogger,
    ...options,
  })
  await server.listen()
  t.after(() => server.close())
  const get: PlayedApi['get'] = (path, headers = {}) => send(server.address, 'GET', path, { headers })
  const post: PlayedApi['post'] = (path, about = {}) => send(server.address, 'POST', path, about)
  return {
    server,
    get,
    post,
    next: async () => {
      const { headers } = await get(`${runtime}/invocation/next`)
      return String(headers['lambda-runtime-aws-request-id'])
    },
    answer: (id, kind, about = {}) => post(`${runtime}/invocation/${id}/${kind}`, about),
  }
}

function send(address: string, method: string, path: string, about: ApiRequest): Promise<ApiAnswer> {
  return new Promise((resolve, reject) => {
    const call = request(
      `http://${address}${path}`,
      { method, agent: false, headers: about.headers },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => {
          const body = Buffer.concat(chunks).toString('utf8')
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body,
            trailers: response.trailers,
            errorType: typeOf(body),
          })
        })
      },
    )
    call.on('error', reject)
    call.end(about.body)
  })
}

function typeOf(body: string): string | undefined {
  try {
    const { errorType } = JSON.parse(body)
    return typeof errorType === 'string' ? errorType : undefined
  } catch {
    // No JSON: no type.
    return undefined
  }
}
