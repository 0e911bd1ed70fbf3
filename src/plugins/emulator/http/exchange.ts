/** Helpers of all routes: exchanges, bodies with a limit, statuses as JSON. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ApiStatus } from '../function/invocation.js'
import type { BodyShare } from './body-room.js'

/** One request and its answer; `id` is what the path names. */
export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly id: string
  /** Counts the bytes of its body until its handler has ended and its answer was sent. */
  readonly share: BodyShare
}

/** Answers an exchange. */
type RouteHandler = (exchange: Exchange) => void | Promise<void>

/** `[method, path, handler]`; the first group of the path becomes the exchange's id. */
export type HttpRoute = readonly [method: string, path: RegExp, handler: RouteHandler]

/** ARN of the emulated function. */
export const functionArn = 'arn:aws:lambda:us-east-1:123456789012:function:emulated'

/** Answer to a client whose body was shorter than announced, if it still listens. */
export const truncatedRequest: ApiStatus = {
  status: 400,
  errorType: 'TruncatedHTTPRequest',
  errorMessage: 'HTTP request truncated',
}

/** Answer while the bodies of other requests fill all the room. */
export const noRoom: ApiStatus = {
  status: 429,
  errorType: 'TooManyRequestsException',
  errorMessage: 'the emulator has reached its limit of request bytes in memory, try again',
}

/** Result of reading a body. `over`: too long; `cut`: the connection was lost; `full`: there was no room for it. */
export type Body =
  | { readonly kind: 'whole'; readonly body: Buffer }
  | { readonly kind: 'over' | 'cut' | 'full' }

// What is over the limit is read to its end, so that its sender sees the status; but not for ever.
const drainBytesMax = 256 * 1024 * 1024

/** Reads a body of at most `bytesMax`; what is over, or finds no room in `share`, is read to its end and dropped. */
export async function readRequestBody(
  request: IncomingMessage,
  bytesMax: number,
  share: BodyShare,
): Promise<Body> {
  const chunks: Buffer[] = []
  let bytes = 0
  let isFull = false
  try {
    for await (const chunk of request) {
      bytes += chunk.length
      if (bytes > drainBytesMax) return { kind: 'over' }
      isFull ||= bytes <= bytesMax && !share.take(chunk.length)
      if (bytes <= bytesMax && !isFull) chunks.push(chunk)
      else if (chunks.length > 0) {
        chunks.length = 0
        share.clear()
      }
    }
  } catch {
    // The connection has gone.
    return { kind: 'cut' }
  }
  if (bytes > bytesMax) return { kind: 'over' }
  return isFull ? { kind: 'full' } : { kind: 'whole', body: Buffer.concat(chunks) }
}

/** Returns the value of a header; undefined when it is empty or absent. */
export function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** Encodes text as the UTF-8 bytes of a header, on one line. */
export function headerSafe(text: string): string {
  return Buffer.from(text.replace(/\p{Cc}/gu, ' '), 'utf8').toString('latin1')
}

/** Answers with a status and its body. */
export function sendStatus(response: ServerResponse, status: ApiStatus): void {
  if (response.destroyed || response.headersSent) return
  // There may be room again in a moment.
  if (status.status === 429 || status.status === 503) response.setHeader('Retry-After', '1')
  response.writeHead(status.status, { 'Content-Type': 'application/json' })
  response.end(bodyOf(status))
}

/** Makes the body of a status. */
export function bodyOf({ errorType, errorMessage }: ApiStatus): string {
  return JSON.stringify(errorType === undefined ? { status: 'OK' } : { errorMessage, errorType })
}
