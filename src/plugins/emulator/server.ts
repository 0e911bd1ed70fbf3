/** The emulator over HTTP: the Lambda Runtime API, the extensions' endpoints, and the endpoint that invokes the function. */

import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type Clock, ErrorCode, type Logger, messageOf, RelayError } from '../../index.js'
import {
  type ApiStatus,
  FunctionState,
  type HandedOut,
  type InvokeResult,
  waitingMax,
} from './function-state.js'

/** What an emulator is made of. */
export interface EmulatorOptions {
  /** `host:port`; port 0 takes a free one. */
  readonly address: string
  readonly timeoutMs: number
  readonly clock: Clock
  readonly log: Logger
  /** For tests: answers a request itself, with a fault, and returns true. */
  readonly faults?: (request: IncomingMessage, response: ServerResponse) => boolean
}

/** ARN of the emulated function. */
export const functionArn = 'arn:aws:lambda:us-east-1:123456789012:function:emulated'

const bodyBytesMax = 16 * 1024 * 1024
const eventBytesMax = 6 * 1024 * 1024 + 100
const extensionsMax = 10

type Handler = (exchange: Exchange) => void | Promise<void>

interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly id: string
}

/** A running emulator. */
export class EmulatorServer {
  readonly #options: EmulatorOptions
  readonly #state: FunctionState
  readonly #server: Server
  readonly #extensions = new Set<string>()
  #address: string

  constructor(options: EmulatorOptions) {
    this.#options = options
    this.#address = options.address
    this.#state = new FunctionState({ clock: options.clock, timeoutMs: options.timeoutMs })
    this.#server = createServer((request, response) => this.#serve(request, response))
    // `/next` waits for as long as it takes.
    this.#server.requestTimeout = 0
    this.#server.keepAliveTimeout = 0
  }

  /** `host:port` with the real port. */
  get address(): string {
    return this.#address
  }

  /** Rejects with RR_ADDRESS_IN_USE. */
  async listen(): Promise<void> {
    const colon = this.#options.address.lastIndexOf(':')
    const host = this.#options.address.slice(0, colon)
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error) => reject(this.#cannotListen(error)))
      this.#server.listen(
        Number(this.#options.address.slice(colon + 1)),
        host.replace(/^\[|\]$/g, ''),
        resolve,
      )
    })
    const bound = this.#server.address()
    if (typeof bound === 'object' && bound !== null) this.#address = `${host}:${bound.port}`
  }

  /** Invokes the function from this process; resolves with how it ended. */
  invoke(event: Buffer): Promise<InvokeResult> {
    return this.#state.invoke({ body: event }, new AbortController().signal).result
  }

  /** Sends everybody home and closes. */
  async close(): Promise<void> {
    this.#state.close()
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    // What was just answered is still on its way out.
    setImmediate(() => this.#server.closeAllConnections())
    await closed
  }

  #cannotListen(error: Error): RelayError {
    const isUsed = 'code' in error && error.code === 'EADDRINUSE'
    const text = isUsed
      ? `${this.#options.address} is in use`
      : `cannot listen on ${this.#options.address}: ${messageOf(error)}`
    return new RelayError(ErrorCode.AddressInUse, text, {
      hint: 'Change `emulator.address`; port 0 takes a free one.',
      cause: error,
    })
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    if (this.#options.faults?.(request, response) === true) return
    const path = (request.url ?? '').split('?')[0] ?? ''
    for (const [method, pattern, handler] of this.#routes) {
      const match = request.method === method ? pattern.exec(path) : null
      if (match === null) continue
      void Promise.resolve(handler({ request, response, id: match[1] ?? '' })).catch((error: unknown) => {
        if (!response.headersSent)
          send(response, { status: 413, errorType: 'RequestEntityTooLarge', errorMessage: messageOf(error) })
        response.destroy()
      })
      return
    }
    request.resume()
    send(response, {
      status: 404,
      errorType: 'NotFound',
      errorMessage: `${request.method} ${path} is not of this API`,
    })
  }

  readonly #routes: readonly (readonly [method: string, path: RegExp, handler: Handler])[] = [
    ['GET', /^\/2018-06-01\/runtime\/invocation\/next$/, (exchange) => this.#next(exchange)],
    [
      'POST',
      /^\/2018-06-01\/runtime\/invocation\/([^/]+)\/response$/,
      (exchange) => this.#answer(exchange, false),
    ],
    [
      'POST',
      /^\/2018-06-01\/runtime\/invocation\/([^/]+)\/error$/,
      (exchange) => this.#answer(exchange, true),
    ],
    ['POST', /^\/2018-06-01\/runtime\/init\/error$/, (exchange) => this.#initError(exchange)],
    ['GET', /^\/2018-06-01\/ping$/, ({ response }) => void response.end('pong')],
    ['POST', /^\/2015-03-31\/functions\/([^/]+)\/invocations$/, (exchange) => this.#invoke(exchange)],
    ['POST', /^\/2020-01-01\/extension\/register$/, (exchange) => this.#register(exchange)],
    ['GET', /^\/2020-01-01\/extension\/event\/next$/, (exchange) => this.#extensionNext(exchange)],
  ]

  #next({ request, response }: Exchange): void {
    const takeBack = this.#state.next((event) => handOut(response, event))
    request.socket.once('close', takeBack)
    response.once('finish', () => request.socket.off('close', takeBack))
  }

  async #answer({ request, response, id }: Exchange, isError: boolean): Promise<void> {
    const mode = request.headers['lambda-runtime-function-response-mode']
    const body = await readBody(request, bodyBytesMax)
    if (mode !== undefined && mode !== 'streaming') {
      send(response, {
        status: 400,
        errorType: 'InvalidFunctionResponseMode',
        errorMessage: `mode ${String(mode)}`,
      })
      return
    }
    const type = String(request.headers['lambda-runtime-function-error-type'] ?? 'Runtime.Unknown')
    send(response, this.#state.answer(id, isError ? { kind: 'error', body, type } : { kind: 'result', body }))
  }

  async #initError({ request, response }: Exchange): Promise<void> {
    send(response, this.#state.initError(await readBody(request, bodyBytesMax)))
  }

  async #invoke({ request, response }: Exchange): Promise<void> {
    const body = await readBody(request, eventBytesMax)
    if (this.#state.waitingCount >= waitingMax) {
      send(response, {
        status: 429,
        errorType: 'TooManyRequestsException',
        errorMessage: `${waitingMax} events wait already`,
      })
      return
    }
    const gone = new AbortController()
    const context = header(request, 'x-amz-client-context')
    const running = this.#state.invoke(
      {
        body,
        clientContext: context === undefined ? undefined : Buffer.from(context, 'base64').toString('utf8'),
        tenantId: header(request, 'x-amz-tenant-id'),
        traceId: header(request, 'x-amzn-trace-id'),
      },
      gone.signal,
    )
    if (header(request, 'x-amz-invocation-type') === 'Event') {
      response.writeHead(202, { 'X-Amzn-RequestId': running.requestId }).end()
      return
    }
    response.once('close', () => gone.abort())
    finishInvoke(response, await running.result, running.requestId)
  }

  async #register({ request, response }: Exchange): Promise<void> {
    const text = (await readBody(request, 64 * 1024)).toString('utf8')
    const name = header(request, 'lambda-extension-name')
    if (name === undefined) return refuse(response, 'Extension.InvalidExtensionName')
    if (this.#extensions.size >= extensionsMax) return refuse(response, 'Extension.TooManyExtensions')
    // An internal extension gets SIGTERM with the runtime instead of this event.
    if (/"SHUTDOWN"/.test(text)) return refuse(response, 'ShutdownEventNotSupportedForInternalExtension')
    const identifier = randomUUID()
    this.#extensions.add(identifier)
    response.setHeader('Lambda-Extension-Identifier', identifier)
    response.setHeader('Content-Type', 'application/json')
    response.end(JSON.stringify({ functionName: 'emulated', functionVersion: '$LATEST', handler: '' }))
  }

  #extensionNext({ request, response }: Exchange): void {
    const identifier = header(request, 'lambda-extension-identifier') ?? ''
    // With an empty list of events this call never returns.
    if (!this.#extensions.has(identifier)) refuse(response, 'Extension.UnknownExtensionIdentifier')
  }
}

function refuse(response: ServerResponse, errorType: string): void {
  send(response, { status: 403, errorType, errorMessage: errorType })
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}

async function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    bytes += chunk.length
    if (bytes > bytesMax) throw new Error(`the body is over ${bytesMax} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function handOut(response: ServerResponse, event: HandedOut): void {
  response.setHeader('Content-Type', 'application/json')
  response.setHeader('Lambda-Runtime-Aws-Request-Id', event.requestId)
  response.setHeader('Lambda-Runtime-Deadline-Ms', String(event.deadlineMs))
  response.setHeader('Lambda-Runtime-Invoked-Function-Arn', functionArn)
  response.setHeader('Lambda-Runtime-Trace-Id', event.traceId)
  if (event.clientContext !== undefined)
    response.setHeader('Lambda-Runtime-Client-Context', headerSafe(event.clientContext))
  if (event.tenantId !== undefined) response.setHeader('Lambda-Runtime-Aws-Tenant-Id', event.tenantId)
  response.end(event.body)
}

/** UTF-8 as the bytes that a header carries, on one line. */
function headerSafe(text: string): string {
  return Buffer.from(text.replace(/\p{Cc}/gu, ' '), 'utf8').toString('latin1')
}

function finishInvoke(response: ServerResponse, result: InvokeResult, requestId: string): void {
  if (response.destroyed) return
  response.setHeader('Content-Type', 'application/json')
  response.setHeader('X-Amz-Executed-Version', '$LATEST')
  response.setHeader('X-Amzn-RequestId', requestId)
  if (result.kind === 'error') response.setHeader('X-Amz-Function-Error', 'Unhandled')
  response.statusCode = result.kind === 'error' && result.type === 'Emulator.Stopped' ? 503 : 200
  response.end(result.body)
}

function send(response: ServerResponse, { status, errorType, errorMessage }: ApiStatus): void {
  response.writeHead(status, { 'Content-Type': 'application/json' })
  response.end(JSON.stringify(errorType === undefined ? { status: 'OK' } : { errorMessage, errorType }))
}
