/** Answers through node:http's `ServerResponse`, which middleware may have wrapped: of HTTP/1.1 and of HTTP/2. */
import type { ServerResponse } from 'node:http'
import { type AnswerHead, takesBody } from '../serving/answer-head.js'
import type { ClientAnswer } from '../serving/client-answer.js'
import { clientDrained } from '../serving/client-drained.js'
import { isShared } from '../serving/with-fields.js'

/** One response. */
export class NodeAnswer implements ClientAnswer {
  readonly #response: ServerResponse
  readonly #method: string
  readonly #isStopping: () => boolean
  #trailers: AnswerHead['trailers'] = []
  /** False for an answer whose body the client must not get: HEAD, 204, 304. */
  #hasBody = true
  /** Bytes that the worker promised and has not sent yet; undefined when it promised none. */
  #promised: number | undefined

  /** `isStopping`: true once connections are to end with their answer. */
  constructor(response: ServerResponse, method: string, isStopping: () => boolean) {
    this.#response = response
    this.#method = method
    this.#isStopping = isStopping
  }

  hint({ headers }: AnswerHead): void {
    const response = this.#response
    if (response.headersSent) return
    const fields = Object.fromEntries(headers.map(([name, values]) => [name.toLowerCase(), [...values]]))
    const { link } = fields
    // Node sends early hints only with a Link, which is what they are for.
    if (link !== undefined) response.writeEarlyHints({ ...fields, link })
  }

  whole(head: AnswerHead, body: Uint8Array): void {
    this.#writeHead(head)
    const response = this.#response
    if (!this.#hasBody) {
      if (this.#method === 'HEAD' && head.length !== undefined)
        response.setHeader('Content-Length', head.length)
      response.end()
      return
    }
    if (this.#trailers.length > 0) {
      response.write(body)
      this.#endWithTrailers()
      return
    }
    response.setHeader('Content-Length', body.length)
    response.end(body)
  }

  begin(head: AnswerHead): void {
    this.#writeHead(head)
    if (head.length !== undefined && this.#trailers.length === 0) {
      this.#response.setHeader('Content-Length', head.length)
      if (this.#hasBody) this.#promised = head.length
    }
    this.#response.flushHeaders()
  }

  write(body: Uint8Array): Promise<void> | undefined {
    const response = this.#response
    if (response.destroyed || response.writableEnded) throw new Error('the client has left')
    const given = this.#counted(body)
    if (given.length === 0 || response.write(given)) {
      flush(response)
      return undefined
    }
    flush(response)
    return clientDrained(response)
  }

  end(body: Uint8Array): void {
    const given = this.#counted(body)
    if (this.#promised !== undefined && this.#promised > 0) {
      // Fewer bytes than promised: the client must not take them for the whole.
      this.cut()
      return
    }
    if (given.length > 0) this.#response.write(given)
    this.#endWithTrailers()
  }

  cut(): void {
    const response = this.#response
    // A stream of HTTP/2 ends alone; its connection has others.
    if ('stream' in response && hasClose(response.stream)) response.stream.close(http2InternalError)
    else response.destroy()
  }

  /** The bytes of a piece that may go out. */
  #counted(body: Uint8Array): Uint8Array {
    if (!this.#hasBody) return body.subarray(0, 0)
    if (this.#promised === undefined) return body
    const given = body.length > this.#promised ? body.subarray(0, this.#promised) : body
    this.#promised -= given.length
    return given
  }

  #writeHead(head: AnswerHead): void {
    const response = this.#response
    this.#hasBody = takesBody(this.#method, head)
    response.statusCode = head.status
    for (const [name, values] of head.headers) {
      const before = isShared(name) ? response.getHeader(name) : undefined
      const known = before === undefined ? [] : [before].flat().map(String)
      const all = [...known, ...values]
      response.setHeader(name, all.length === 1 ? (all[0] ?? '') : all)
    }
    if (this.#hasBody && head.trailers.length > 0) {
      this.#trailers = head.trailers
      if (response.req.httpVersionMajor === 1)
        response.setHeader('Trailer', head.trailers.map(([name]) => name).join(', '))
    }
    if ((head.isLast || this.#isStopping()) && response.req.httpVersionMajor === 1)
      response.setHeader('Connection', 'close')
  }

  #endWithTrailers(): void {
    const response = this.#response
    if (this.#trailers.length > 0)
      response.addTrailers(
        Object.fromEntries(this.#trailers.map(([name, values]) => [name, values.join(', ')])),
      )
    response.end()
  }
}

/** INTERNAL_ERROR of RFC 9113. */
const http2InternalError = 2

function hasClose(stream: unknown): stream is { close(code: number): void } {
  return typeof stream === 'object' && stream !== null && 'close' in stream
}

/** Middleware that compresses holds a piece back until it is told to let go. */
function flush(response: ServerResponse): void {
  if ('flush' in response && typeof response.flush === 'function') response.flush()
}
