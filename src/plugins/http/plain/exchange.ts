/**
 * One request of a plain connection in the hands of node:http's objects, for what only they can do: middleware that answers itself, or that
 * changes the bytes of an answer. The connection is ours again when the answer has been written.
 */
import { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { PlainRequest } from './plain-request.js'

/** A request and its response. */
export interface NodeExchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/** Options of an exchange. */
export interface ExchangeOptions {
  readonly socket: Socket
  readonly request: PlainRequest
  /** True when the connection ends with this answer. */
  readonly isLast: boolean
  /** Called when the answer has been written; not when the connection has ended before. */
  readonly onEnd: (end: ExchangeEnd) => void
}

/** End of an exchange. */
interface ExchangeEnd {
  readonly status: number
  /** True when the answer said that the connection ends: the client, the worker or the server's stop asked for it. */
  readonly isLast: boolean
  /** True when no worker was free. */
  readonly isRefused: boolean
}

/** Begins the exchange of a request without a body, or whose body has been read. */
export function beginExchange({ socket, request: given, isLast, onEnd }: ExchangeOptions): NodeExchange {
  const request = new IncomingMessage(socket)
  request.method = given.method
  request.url = given.target
  request.httpVersion = '1.1'
  request.httpVersionMajor = 1
  request.httpVersionMinor = 1
  request.rawHeaders = given.rawHeaders()
  // node:http makes them of what its parser read; no name occurs twice here.
  request.headers = {}
  for (let at = 0; at + 1 < request.rawHeaders.length; at += 2)
    request.headers[request.rawHeaders[at]?.toLowerCase() ?? ''] = request.rawHeaders[at + 1]
  request.complete = true
  request.push(null)
  const response = new ServerResponse(request)
  response.shouldKeepAlive = !isLast
  response.assignSocket(socket)
  const onDrain = () => response.emit('drain')
  socket.on('drain', onDrain)
  response.once('finish', () => {
    socket.off('drain', onDrain)
    response.detachSocket(socket)
    // As a server of node:http tells the end of each response.
    response.emit('close')
    onEnd({
      status: response.statusCode,
      isLast: !response.shouldKeepAlive || /close/i.test(String(response.getHeader('connection'))),
      isRefused: response.hasHeader('no-workers'),
    })
  })
  return { request, response }
}
