/** The emulator over HTTP: the Runtime API, the Extensions API and the endpoints that invoke the function, on one address. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { type Clock, ErrorCode, type Logger, messageOf, RelayError } from '../../index.js'
import type { AnswerStream } from './answer-stream.js'
import { extensionRoutes } from './extension-routes.js'
import { type ExtensionEvent, Extensions } from './extensions.js'
import { FunctionState } from './function-state.js'
import { bodyOf, functionArn, type Route, send, truncatedRequest } from './http.js'
import { answerIdentity, type EmulatorIdentity } from './identity.js'
import type { HandedOut, InvokeRequest, InvokeResult } from './invocation.js'
import { invokeRoutes } from './invoke-routes.js'
import { runtimeRoutes } from './runtime-routes.js'

/** What an emulator is made of. */
export interface EmulatorOptions {
  /** `host:port`; port 0 takes a free one. */
  readonly address: string
  /** What else is served on this address: takes a request that is its own and returns true. */
  readonly route?: (request: IncomingMessage, response: ServerResponse) => boolean
  readonly timeoutMs: number
  readonly clock: Clock
  readonly log: Logger
  /** For tests: answers a request itself, with a fault, and returns true. */
  readonly faults?: (request: IncomingMessage, response: ServerResponse) => boolean
  /** Managed Instances: this many events at once. */
  readonly concurrency?: number | undefined
  /** False: the Extensions API is not there (404). */
  readonly hasExtensions?: boolean
  /** Names of extensions that start beside the runtime. */
  readonly externals?: readonly string[]
  /** Who owns the process that speaks to this API. */
  readonly environment?: EnvironmentHooks
  readonly functionName?: string
  readonly handler?: string
  /** The project's folder; else the working directory. */
  readonly folder?: string
}

/** What the owner of the process decides and hears. */
export interface EnvironmentHooks {
  readonly mayHandOut: () => boolean
  readonly isInitRepeated: () => boolean
  readonly onChange: () => void
  readonly onTimeout: (requestId: string) => Promise<void>
  readonly onExtensionFault: (type: string, message: string) => void
}

/** What an invocation may say beside its event. */
export type InvokeOptions = Omit<InvokeRequest, 'body'>

/** How an event ended for a caller that takes streams. */
export type StreamedResult = InvokeResult | { readonly kind: 'stream'; readonly stream: AnswerStream }

/** A running emulator. */
export class EmulatorServer {
  readonly #options: EmulatorOptions
  readonly #server: Server
  readonly #routes: readonly Route[]
  /** The function's events; for the owner of the process. */
  readonly state: FunctionState
  /** Who registered. */
  readonly extensions: Extensions
  #address: string

  constructor(options: EmulatorOptions) {
    this.#options = options
    this.#address = options.address
    const { environment } = options
    this.extensions = new Extensions({
      isOpen: () => !this.state.hasPolled,
      externals: options.externals ?? [],
      onChange: () => this.#onChange(),
      onFault: (type, message) => environment?.onExtensionFault(type, message),
    })
    this.state = new FunctionState({
      clock: options.clock,
      timeoutMs: options.timeoutMs,
      concurrency: options.concurrency,
      mayHandOut: () => this.extensions.areAtRest && environment?.mayHandOut() !== false,
      onHandedOut: (event) => this.extensions.deliver(invokeEvent(event)),
      onChange: () => this.#onChange(),
      ...(environment === undefined
        ? {}
        : { onTimeout: environment.onTimeout, isInitRepeated: environment.isInitRepeated }),
    })
    this.#routes = this.#makeRoutes()
    this.#server = createServer((request, response) => this.#serve(request, response))
    this.#server.on('clientError', (error, socket) => answerBrokenRequest(error, socket))
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
  invoke(event: Buffer, options: InvokeOptions = {}): Promise<InvokeResult> {
    return this.state.invoke({ ...options, body: event }, new AbortController().signal).result
  }

  /** As `invoke`; a streamed answer is handed over as soon as it begins. */
  invokeStream(event: Buffer, options: InvokeOptions = {}): Promise<StreamedResult> {
    return new Promise((resolve) => {
      const onStream = (stream: AnswerStream) => resolve({ kind: 'stream', stream })
      const { result } = this.state.invoke(
        { ...options, body: event },
        new AbortController().signal,
        onStream,
      )
      // After a stream has been handed over this says nothing new.
      void result.then(resolve)
    })
  }

  /** The process that spoke has gone; another one will speak. */
  reset(): void {
    this.extensions.reset()
    this.state.reset()
  }

  /** Sends everybody home and closes. */
  async close(): Promise<void> {
    this.state.close()
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    // What was just answered is still on its way out.
    setImmediate(() => this.#server.closeAllConnections())
    await closed
  }

  #makeRoutes(): readonly Route[] {
    const { concurrency, hasExtensions, functionName = 'emulated', handler = '' } = this.#options
    const facts = { functionName, functionVersion: '$LATEST', handler }
    return [
      ...runtimeRoutes(this.state, concurrency !== undefined),
      ...invokeRoutes(this.state),
      ...(hasExtensions === false ? [] : extensionRoutes(this.extensions, facts)),
    ]
  }

  #identity(): EmulatorIdentity {
    const { folder = process.cwd(), environment } = this.#options
    const runs = environment === undefined ? 'server' : 'environment'
    return { server: 'relayrunner', pid: process.pid, folder, runs }
  }

  #onChange(): void {
    const { environment } = this.#options
    // Without an owner nobody else wakes a snapshot.
    if (environment === undefined && this.state.hasWaiting) this.state.restore()
    environment?.onChange()
    this.state.poke()
  }

  #cannotListen(error: Error): RelayError {
    const isUsed = 'code' in error && error.code === 'EADDRINUSE'
    const text = isUsed
      ? `${this.#options.address} is in use`
      : `cannot listen on ${this.#options.address}: ${messageOf(error)}`
    return new RelayError(ErrorCode.AddressInUse, text, {
      hint: 'Change `emulator.address`, or `--address` of `rr lambda run`; port 0 takes a free one.',
      cause: error,
    })
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    if (this.#options.faults?.(request, response) === true) return
    if (answerIdentity(request, response, this.#identity())) return
    if (this.#options.route?.(request, response) === true) return
    const path = (request.url ?? '').split('?')[0] ?? ''
    for (const [method, pattern, handler] of this.#routes) {
      const match = request.method === method ? pattern.exec(path) : null
      if (match === null) continue
      void Promise.resolve(handler({ request, response, id: match[1] ?? '' })).catch((error: unknown) => {
        this.#options.log.warn({ path, error: messageOf(error) }, 'the emulator could not answer a request')
        send(response, { status: 500, errorType: 'InternalError', errorMessage: messageOf(error) })
      })
      return
    }
    request.resume()
    const errorMessage = `${request.method} ${path} is not of this API`
    send(response, { status: 404, errorType: 'NotFound', errorMessage })
  }
}

function invokeEvent(event: HandedOut): ExtensionEvent {
  return {
    eventType: 'INVOKE',
    deadlineMs: event.deadlineMs,
    requestId: event.requestId,
    invokedFunctionArn: functionArn,
    tracing: { type: 'X-Amzn-Trace-Id', value: event.traceId },
  }
}

/** Half closed before the body was whole: the client may still read. The request itself ends as if it had been cut. */
function answerBrokenRequest(error: Error, socket: Duplex): void {
  const isTruncated = 'code' in error && error.code === 'HPE_INVALID_EOF_STATE'
  const body = bodyOf(isTruncated ? truncatedRequest : { ...truncatedRequest, errorType: 'InvalidRequest' })
  const head = `HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: ${body.length}`
  if (socket.writable) socket.end(`${head}\r\nConnection: close\r\n\r\n${body}`, () => socket.destroy())
  else socket.destroy()
}
