/** Types of what the reader of plain requests is given. No behaviour lives here. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { HttpCodec } from '../../../work/http/index.js'
import type { PlainMiddleware } from '../middleware/plain-middleware.js'
import type { ClientAnswer } from '../serving/client-answer.js'
import type { RequestLook } from '../serving/request-look.js'
import type { RunParts } from '../serving/request-run.js'
import type { RequestTracing } from '../serving/request-tracing.js'
import type { DateLine } from './wire-head.js'

/** Told the end of a request: its status, the bytes of its answer's body, and true when it found no free worker. */
export type EndOfLine = (status: number, bytes: number | undefined, isRefused: boolean) => void

/** Middleware in front of the workers. */
export interface PlainChain {
  readonly middleware: PlainMiddleware
  /** Headers that it tells workers, encoded; a client's own of such a name makes a request another one than plain. */
  readonly told: { readonly bytes: Buffer; readonly names: readonly Buffer[] }
  /** Serves a whole request, its line of the log included. */
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void
  /** Lets the middleware have the answer of a request that has run; undefined when one of them has answered itself. */
  readonly take: (request: IncomingMessage, response: ServerResponse) => ClientAnswer | undefined
}

/** Parts that all connections share. */
export interface PlainParts {
  /** Chooses the pool of a request by its target. */
  readonly runFor: (target: string) => RunParts
  /** True when all requests are left to node:http: there is middleware that only it can run. */
  readonly isOff: boolean
  /** Undefined: there is no middleware. */
  readonly chain: PlainChain | undefined
  readonly codec: HttpCodec
  readonly isRaw: boolean
  /** The longest head; node:http refuses longer ones. */
  readonly headBytesMax: number
  readonly date: DateLine
  readonly newId: () => string
  readonly isStopping: () => boolean
  /** Undefined without the plugin `otel`. */
  readonly tracing: RequestTracing | undefined
  /** True when requests are followed. */
  readonly isFollowed: () => boolean
  /** Begins a line of the log; what it returns ends it. */
  readonly follow: (request: RequestLook, remoteAddr: string) => EndOfLine
}
