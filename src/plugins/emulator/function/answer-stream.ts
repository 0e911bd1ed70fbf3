/**
 * A streamed answer between the runtime's upload and its reader. Nothing is buffered here: a slow reader slows the runtime's
 * socket, and a reader that disconnects ends the upload.
 */
import type { IncomingMessage } from 'node:http'
import { deferred, objectOf } from '../../../index.js'
import { type FunctionError, platformError } from './invocation.js'

/** Maximum size of a streamed answer in bytes. */
const streamBytesMax = 200 * 1024 * 1024

/** End of a stream. `gone`: its reader disconnected first. */
export type StreamEnd = { readonly kind: 'complete' } | { readonly kind: 'gone' } | FunctionError

/** Head of an HTTP answer: JSON in front of the body. */
export interface Prelude {
  readonly statusCode: number
  readonly headers: Readonly<Record<string, string>>
  readonly multiValueHeaders: Readonly<Record<string, readonly string[]>>
  readonly cookies: readonly string[]
}

const httpContentType = 'application/vnd.awslambda.http-integration-response'
const separator = Buffer.alloc(8)
const preludeBytesMax = 1024 * 1024
const truncated = platformError('Runtime.TruncatedResponse', 'the response was cut off')

/** One streamed answer; `chunks` may be read once. */
export class AnswerStream {
  readonly contentType: string
  readonly #ended = deferred<StreamEnd>()
  /** Settles once the upload is over, however it ends; the first reason wins. */
  readonly ended = this.#ended.promise
  readonly #request: IncomingMessage
  readonly #bytesMax: number

  constructor(request: IncomingMessage, bytesMax = streamBytesMax) {
    this.#request = request
    this.#bytesMax = bytesMax
    this.contentType = request.headers['content-type'] ?? 'application/octet-stream'
  }

  /** Yields the bytes as they come; stops at a fault, whose reason is in `ended`. */
  async *chunks(): AsyncGenerator<Buffer, void, undefined> {
    let bytes = 0
    try {
      for await (const chunk of this.#request) {
        bytes += chunk.length
        if (bytes > this.#bytesMax) return this.#ended.resolve(tooLarge(this.#bytesMax))
        yield chunk
      }
      this.#ended.resolve(endOf(this.#request))
    } catch {
      this.#ended.resolve(truncated)
    } finally {
      this.#ended.resolve({ kind: 'gone' })
      if (!this.#request.complete) this.#request.destroy()
    }
  }

  /**
   * Returns the head of an HTTP answer and the chunks after it; an answer of another content type has no head. Rejects when
   * the head cannot be read.
   */
  async withPrelude(): Promise<{
    readonly prelude: Prelude | undefined
    readonly chunks: AsyncGenerator<Buffer>
  }> {
    const chunks = this.chunks()
    if (this.contentType !== httpContentType) return { prelude: undefined, chunks }
    let read = Buffer.alloc(0)
    let at = -1
    while (at < 0 && read.length <= preludeBytesMax) {
      const { done, value } = await chunks.next()
      if (done === true) break
      read = Buffer.concat([read, value])
      at = read.indexOf(separator)
    }
    if (at < 0) {
      await chunks.return()
      throw new Error('the answer has no head, though its content type says so')
    }
    const rest = read.subarray(at + separator.length)
    return { prelude: parsePrelude(read.subarray(0, at)), chunks: follow(rest, chunks) }
  }

  /** Ends the stream with this reason. */
  cut(end: StreamEnd): void {
    this.#ended.resolve(end)
    this.#request.destroy()
  }
}

async function* follow(first: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  try {
    if (first.length > 0) yield first
    yield* rest
  } finally {
    await rest.return(undefined)
  }
}

/** Reads a head. A malformed field counts as absent: the status is 200 then. */
function parsePrelude(text: Buffer): Prelude {
  const given: unknown = JSON.parse(text.toString('utf8'))
  const { statusCode, headers, multiValueHeaders, cookies } = objectOf(given)
  const texts = (list: unknown) => (Array.isArray(list) ? list.map(String) : [])
  const entries = Object.entries(objectOf(headers)).map(([name, value]) => [name, String(value)] as const)
  const many = Object.entries(objectOf(multiValueHeaders)).map(([name, list]) => [name, texts(list)] as const)
  return {
    statusCode: typeof statusCode === 'number' ? statusCode : 200,
    headers: Object.fromEntries(entries),
    multiValueHeaders: Object.fromEntries(many),
    cookies: texts(cookies),
  }
}

function endOf({ complete, trailers }: IncomingMessage): StreamEnd {
  if (!complete) return truncated
  const type = trailers['lambda-runtime-function-error-type']
  if (type === undefined) return { kind: 'complete' }
  const body = trailers['lambda-runtime-function-error-body'] ?? ''
  return { kind: 'error', type, body: Buffer.from(body, 'base64') }
}

function tooLarge(bytesMax: number): StreamEnd {
  return platformError('Function.ResponseSizeTooLarge', `the streamed response is over ${bytesMax} bytes`)
}
