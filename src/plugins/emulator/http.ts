/** What the routes share: exchanges, bodies with a limit, statuses as JSON. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ApiStatus } from './invocation.js'

/** One request and its answer; `id` is what the path names. */
export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly id: string
}

/** Answers an exchange. */
export type Handler = (exchange: Exchange) => void | Promise<void>

/** `[method, path, handler]`; the first group of the path becomes the exchange's id. */
export type Route = readonly [method: string, path: RegExp, handler: Handler]

/** ARN of the emulated function. */
export const functionArn = 'arn:aws:lambda:us-east-1:123456789012:function:emulated'

/** What a client whose body was shorter than announced is answered, if it still listens. */
export const truncatedRequest: ApiStatus = {
  status: 400,
  errorType: 'TruncatedHTTPRequest',
  errorMessage: 'HTTP request truncated',
}

/** A body, as far as it came. */
export type Body = { readonly kind: 'whole'; readonly body: Buffer } | { readonly kind: 'over' | 'cut' }

// What is over the limit is read to its end, so that its sender sees the status; but not for ever.
const drainBytesMax = 256 * 1024 * 1024

/** Reads a body of at most `bytesMax`. */
export async function readBody(request: IncomingMessage, bytesMax: number): Promise<Body> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of request) {
      bytes += chunk.length
      if (bytes > drainBytesMax) return { kind: 'over' }
      if (bytes <= bytesMax) chunks.push(chunk)
    }
  } catch {
    // The connection has gone.
    return { kind: 'cut' }
  }
  return bytes > bytesMax ? { kind: 'over' } : { kind: 'whole', body: Buffer.concat(chunks) }
}

/** A header's text; an empty one is absent. */
export function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** UTF-8 as the bytes that a header carries, on one line. */
export function headerSafe(text: string): string {
  return Buffer.from(text.replace(/\p{Cc}/gu, ' '), 'utf8').toString('latin1')
}

/** Answers with a status and its body. */
export function send(response: ServerResponse, status: ApiStatus): void {
  if (response.destroyed || response.headersSent) return
  response.writeHead(status.status, { 'Content-Type': 'application/json' })
  response.end(bodyOf(status))
}

/** The body of a status. */
export function bodyOf({ errorType, errorMessage }: ApiStatus): string {
  return JSON.stringify(errorType === undefined ? { status: 'OK' } : { errorMessage, errorType })
}
