/** The emulator over HTTP: the Runtime API, the Extensions API and the endpoints that invoke the function, on one address. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { type Clock, ErrorCode, type Logger, messageOf, RelayError } from '../../../index.js'
import type { AnswerStream } from '../function/answer-stream.js'
import { type ExtensionEvent, Extensions } from '../function/extensions.js'
import { FunctionState } from '../function/function-state.js'
import type { ApiStatus, HandedOut, InvokeRequest, InvokeResult } from '../function/invocation.js'
import { BodyRoom, type BodyShare } from './body-room.js'
import { type CallerFacts, callerFault } from './caller-check.js'
import { Connections, kindOf, rawAnswer, type SilenceLimits, silenceLimits, tooSlow } from './connections.js'
import { functionArn, type HttpRoute, sendStatus, truncatedRequest } from './exchange.js'
import { extensionRoutes } from './extension-routes.js'
import { answerIdentity, type EmulatorIdentity } from './identity.js'
import { type HeadersOf, invokeRoutes } from './invoke-routes.js'
import { PollOrder } from './poll-order.js'
import { runtimeRoutes } from './runtime-routes.js'

/** Options of an emulator. */
export interface EmulatorOptions {
  /** `host:port`; port 0 takes a free one. */
  readonly address: string
  /** Host names that requests may use, beside loopback names and the address itself. */
  readonly hosts?: readonly string[]
  /** Maximum number of connections; 512 when absent. */
  readonly connectionsMax?: number
  /** Other limits of silence, for tests. */
  readonly silence?: Partial<SilenceLimits>
  /** Handler of further paths on this address: resolves when it has read the body of a request that it takes. */
  readonly route?: ExtraRoute
  /** Headers to add to the answer of an invocation. */
  readonly headersOf?: HeadersOf
  readonly timeoutMs: number
  readonly clock: Clock
  readonly log: Logger
  /** Hook for tests: answers a request itself, with a fault, and returns true. */
  readonly faults?: (request: IncomingMessage, response: ServerResponse) => boolean
  /** Managed Instances: this many events at once. */
  readonly concurrency?: number | undefined
  /** See `FunctionOptions`. */
  readonly isParallel?: boolean
  /** False: the Extensions API answers 404. */
  readonly hasExtensions?: boolean
  /** Names of extensions that start beside the runtime. */
  readonly externals?: readonly string[]
  /** Hooks of the owner of the process that speaks to this API. */
  readonly environment?: EnvironmentHooks
  readonly functionName?: string
  readonly handler?: string
  /** The project's folder; else the working directory. */
  readonly folder?: string
}

/** Decisions and notifications of the owner of the process. */
interface EnvironmentHooks {
  readonly mayHandOut: () => boolean
  readonly isInitRepeated: (error: Buffer) => boolean
  readonly onChange: () => void
  readonly onTimeout: (requestId: string) => Promise<void>
  readonly onExtensionFault: (type: string, message: string) => void
}

/** Properties of an invocation beside its event. */
export type InvocationOptions = Omit<InvokeRequest, 'body'>

/** End of an event for a caller that takes streams. */
export type StreamedResult = InvokeResult | { readonly kind: 'stream'; readonly stream: AnswerStream }

/** Handles a request; returns undefined for a request of another path. */
export type ExtraRoute = (
  request: IncomingMessage,
  response: ServerResponse,
  share: BodyShare,
) => Promise<void> | undefined

const connectionsDefault = 512
/** Limit in bytes for the bodies of events that are read, wait or run, and of answers that were not sent yet. */
const roomBytesMax = 64 * 1024 * 1024

/** A running emulator. */
export class EmulatorServer {
  readonly #options: EmulatorOptions
  readonly #server: Server
  readonly #routes: readonly HttpRoute[]
  readonly #connections: Connections
  readonly #order = new PollOrder()
  /** Room for bodies; separate, so that callers cannot cause the runtimes' requests to be refused. */
  readonly #rooms = { caller: new BodyRoom(roomBytesMax), runtime: new BodyRoom(roomBytesMax) }
  /** State of the function, for the owner of the process. */
  readonly state: FunctionState
  /** Registered extensions. */
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
      isParallel: options.isParallel,
      mayHandOut: () => this.extensions.areAtRest && environment?.mayHandOut() !== false,
      onHandedOut: (event) => this.extensions.deliver(invokeEvent(event)),
      onChange: () => this.#onChange(),
      ...(environment === undefined
        ? {}
        : { onTimeout: environment.onTimeout, isInitRepeated: environment.isInitRepeated }),
    })
    this.#routes = this.#makeRoutes()
    const { clock, log, connectionsMax = connectionsDefault } = options
    const silence = { ...silenceLimits, ...options.silence }
    this.#connections = new Connections({ connectionsMax, silence, clock, log })
    const connectionsCheckingInterval = Math.ceil(silence.headMs / 5)
    this.#server = createServer({ connectionsCheckingInterval }, (request, response) =>
      this.#serve(request, response),
    )
    this.#connections.watch(this.#server)
    // The body of a refused request is not asked for.
    this.#server.on('checkContinue', (request, response) => this.#serve(request, response, 'continue'))
    this.#server.on('clientError', (error, socket) => answerBrokenRequest(error, socket))
  }

  /** `host:port` with the real port. */
  get address(): string {
    return this.#address
  }

  /** Bytes held for requests, and for answers that were not sent yet. */
  get heldBytes(): number {
    return this.#rooms.caller.bytes + this.#rooms.runtime.bytes
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
  invoke(event: Buffer, options: InvocationOptions = {}): Promise<InvokeResult> {
    return this.state.invoke({ ...options, body: event }, new AbortController().signal).result
  }

  /** Invokes the function; a streamed answer is handed over as soon as it begins. */
  invokeStream(event: Buffer, options: InvocationOptions = {}): Promise<StreamedResult> {
    return new Promise((resolve) => {
      const onStream = (stream: AnswerStream) => resolve({ kind: 'stream', stream })
      const { result } = this.state.invoke(
        { ...options, body: event },
        new AbortController().signal,
        onStream,
      )
      // Without effect after a stream was passed on.
      void result.then(resolve)
    })
  }

  /** Forgets the runtime and its extensions, because another process will call. */
  reset(): void {
    this.extensions.reset()
    this.state.reset()
  }

  /** Refuses all waiting calls and closes. */
  async close(): Promise<void> {
    this.state.close()
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    // The last answers are still being sent.
    setImmediate(() => this.#server.closeAllConnections())
    await closed
  }

  #makeRoutes(): readonly HttpRoute[] {
    const { concurrency, hasExtensions, headersOf, functionName = 'emulated', handler = '' } = this.#options
    const facts = { functionName, functionVersion: '$LATEST', handler }
    return [
      ...runtimeRoutes(this.state, concurrency !== undefined),
      ...invokeRoutes(this.state, headersOf),
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
    // Without an owner the server itself restores a snapshot.
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

  #serve(request: IncomingMessage, response: ServerResponse, asks?: 'continue'): void {
    const kind = kindOf(pathOf(request))
    this.#order.inTurn({ request, response, kind }, () => this.#handle(request, response, asks))
  }

  #handle(request: IncomingMessage, response: ServerResponse, asks: 'continue' | undefined): void {
    if (this.#options.faults?.(request, response) === true) return
    const path = pathOf(request)
    const kind = kindOf(path)
    const share = this.#rooms[kind === 'caller' ? 'caller' : 'runtime'].share()
    let over = () => {}
    const isOver = new Promise<void>((resolve) => {
      over = resolve
    })
    const refusal =
      this.#connections.begin({ request, response, kind }, over) ??
      callerFault(factsOf(request), this.#options.hosts ?? [])
    if (refusal !== undefined) {
      refuse(request, response, refusal)
      return
    }
    if (answerIdentity(request, response, this.#identity())) return
    if (asks === 'continue') response.writeContinue()
    this.#answer(request, response, { path, share, isOver })
  }

  #answer(
    request: IncomingMessage,
    response: ServerResponse,
    { path, share, isOver }: { path: string; share: BodyShare; isOver: Promise<void> },
  ): void {
    const running = this.#run(request, response, path, share)
    if (running === undefined) {
      refuse(request, response, {
        status: 404,
        errorType: 'NotFound',
        errorMessage: `${request.method} ${path} is not of this API`,
      })
      return
    }
    void running
      .catch((error: unknown) => {
        this.#options.log.warn({ path, error: messageOf(error) }, 'the emulator could not answer a request')
        sendStatus(response, { status: 500, errorType: 'InternalError', errorMessage: messageOf(error) })
      })
      // The bytes are held until the answer is out.
      .then(() => isOver)
      .then(() => share.release())
  }

  /** Runs a request; undefined when no route serves its path. */
  #run(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    share: BodyShare,
  ): Promise<void> | undefined {
    const extra = this.#options.route?.(request, response, share)
    if (extra !== undefined) return extra
    for (const [method, pattern, handler] of this.#routes) {
      const match = request.method === method ? pattern.exec(path) : null
      if (match !== null) return (async () => handler({ request, response, id: match[1] ?? '', share }))()
    }
    return undefined
  }
}

/** Answers with a status. The body is read and dropped, so that its sender sees the status. */
function refuse(request: IncomingMessage, response: ServerResponse, status: ApiStatus): void {
  request.resume()
  sendStatus(response, status)
}

/** The path of a target, also of one in absolute form; without its query. */
function pathOf({ url = '' }: IncomingMessage): string {
  return url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '').split('?')[0] ?? ''
}

function factsOf({ url, headers, rawHeaders, socket }: IncomingMessage): CallerFacts {
  const all = (name: string) =>
    rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name)
  const joined = (name: string) => (headers[name] === undefined ? undefined : all(name).join(', '))
  return {
    target: url ?? '',
    hosts: all('host'),
    origin: joined('origin'),
    fetchSite: joined('sec-fetch-site'),
    upgrade: joined('upgrade'),
    localAddress: socket.localAddress,
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
  const code = 'code' in error ? error.code : undefined
  const broken =
    code === 'HPE_INVALID_EOF_STATE' ? truncatedRequest : { ...truncatedRequest, errorType: 'InvalidRequest' }
  const status = code === 'ERR_HTTP_REQUEST_TIMEOUT' ? tooSlow : broken
  if (socket.writable) socket.end(rawAnswer(status), () => socket.destroy())
  else socket.destroy()
}
