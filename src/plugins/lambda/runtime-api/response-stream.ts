/**
 * A streamed answer on its way to Lambda: chunked, on a connection of its own that ends with it, as AWS asks for, with trailers
 * for an error in mid-stream. A slow reader is felt through `write`. An answer that is complete before its first byte has gone
 * out is sent with its length instead: the Runtime API is an HTTP/1.1 server and reads both, and simpler ones read only that.
 */
import { type ClientRequest, request } from 'node:http'
import { type Logger, messageOf, onAbort } from '../../../index.js'
import type { LambdaError } from '../errors.js'

/** An answer that has begun. */
export interface ResponseStream {
  /** Resolves when there is room for more; at once when the reader has gone. */
  write(bytes: Uint8Array): Promise<void>
  /** Resolves when Lambda has taken all of it, or has gone. `whole`: the complete answer, when nothing was written before. */
  end(whole?: Uint8Array): Promise<void>
  /** Ends with an error that the caller of the function sees behind what was sent. */
  fail(error: LambdaError, headerType: string): Promise<void>
  /** Aborted when the reader has gone. */
  readonly gone: AbortSignal
}

/** Options of a stream. */
export interface StreamOptions {
  readonly address: string
  readonly userAgent: string
  readonly requestId: string
  readonly contentType: string
  readonly log: Logger
}

const typeTrailer = 'Lambda-Runtime-Function-Error-Type'
const bodyTrailer = 'Lambda-Runtime-Function-Error-Body'
const statusMsMax = 10_000
// An error is often the deadline's: a reader that takes nothing must not cost the environment as well.
const failMsMax = 1000

/** Begins an answer; its head goes out with the first bytes. */
export function openResponseStream(options: StreamOptions): ResponseStream {
  const { address, userAgent, requestId, contentType, log } = options
  const gone = new AbortController()
  const url = `http://${address}/2018-06-01/runtime/invocation/${requestId}/response`
  const post = request(url, {
    method: 'POST',
    agent: false,
    headers: {
      'User-Agent': userAgent,
      'Content-Type': contentType,
      'Lambda-Runtime-Function-Response-Mode': 'streaming',
      'Transfer-Encoding': 'chunked',
      Trailer: `${typeTrailer}, ${bodyTrailer}`,
    },
  })
  post.setNoDelay(true)
  const finished = new Promise<void>((resolve) => {
    post.on('response', (response) => {
      if (response.statusCode !== 202 && response.statusCode !== 200) {
        log.warn({ requestId, status: response.statusCode }, 'the Runtime API did not take a streamed answer')
        // Lambda may answer before it has read everything: the rest is not read.
        gone.abort()
      }
      response.resume()
      response.on('close', resolve)
    })
    post.on('error', (error) => {
      log.warn({ requestId, error: messageOf(error) }, 'a streamed answer was cut off')
      gone.abort()
      resolve()
    })
    post.on('close', () => {
      gone.abort()
      resolve()
    })
  })
  const limit = (ms: number) =>
    post.setTimeout(ms, () =>
      post.destroy(new Error(`no data was read and no status was received within ${ms} ms`)),
    )
  const finish = (onSent?: () => void, whole?: Uint8Array) => {
    if (gone.signal.aborted) post.destroy()
    if (whole === undefined) post.end(onSent)
    else {
      sendWithLength(post, whole.length)
      post.end(whole, onSent)
    }
    return finished
  }
  return {
    gone: gone.signal,
    write: (bytes) => write(post, bytes, gone.signal),
    // Counted from the last byte on: a slow reader may take its time for those before.
    end: (whole) => finish(() => limit(statusMsMax), whole),
    fail: (error, headerType) => {
      post.addTrailers({
        [typeTrailer]: headerType,
        [bodyTrailer]: Buffer.from(JSON.stringify(error)).toString('base64'),
      })
      limit(failMsMax)
      return finish()
    },
  }
}

/** Sends a complete answer with its length: no chunks, and no trailers, as nothing can fail any more. */
function sendWithLength(post: ClientRequest, bytes: number): void {
  post.removeHeader('Transfer-Encoding')
  post.removeHeader('Trailer')
  post.setHeader('Content-Length', bytes)
}

function write(post: ClientRequest, bytes: Uint8Array, gone: AbortSignal): Promise<void> {
  if (bytes.length === 0 || gone.aborted || post.write(bytes)) return Promise.resolve()
  return new Promise((resolve) => {
    const done = () => {
      post.off('drain', done)
      stopListening()
      resolve()
    }
    post.on('drain', done)
    const stopListening = onAbort(gone, done)
  })
}
