/** The routes that invoke the function: AWS's own, buffered and streamed. */
import type { ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { messageOf } from '../../../index.js'
import type { AnswerStream, Prelude } from '../function/answer-stream.js'
import type { FunctionState } from '../function/function-state.js'
import {
  type ApiStatus,
  type InvokeRequest,
  type InvokeResult,
  payloadBytesMax,
} from '../function/invocation.js'
import { type Exchange, type HttpRoute, header, noRoom, readRequestBody, sendStatus } from './exchange.js'

const tooLarge: ApiStatus = {
  status: 413,
  errorType: 'RequestEntityTooLarge',
  errorMessage: `the event is over ${payloadBytesMax} bytes`,
}
const typeTrailer = 'Lambda-Runtime-Function-Error-Type'
const bodyTrailer = 'Lambda-Runtime-Function-Error-Body'

/** Returns headers to add to the answer of an invocation. */
export type HeadersOf = (requestId: string) => Readonly<Record<string, string>>

/** Makes the routes of both endpoints; every function name is accepted. */
export function invokeRoutes(state: FunctionState, headersOf?: HeadersOf): readonly HttpRoute[] {
  return [
    [
      'POST',
      /^\/2015-03-31\/functions\/([^/]+)\/invocations$/,
      (exchange) => invoke(exchange, state, headersOf),
    ],
    [
      'POST',
      /^\/2021-11-15\/functions\/([^/]+)\/response-streaming-invocations$/,
      (exchange) => invokeStreaming(exchange, state),
    ],
  ]
}

/** Reads a request; undefined when it has been answered already. */
async function readRequest(
  { request, response, share }: Exchange,
  state: FunctionState,
): Promise<InvokeRequest | undefined> {
  const read = await readRequestBody(request, payloadBytesMax, share)
  if (read.kind === 'cut') return undefined
  const refusal = read.kind === 'whole' ? state.fullness : read.kind === 'full' ? noRoom : tooLarge
  if (read.kind !== 'whole' || refusal !== undefined) {
    share.clear()
    sendStatus(response, refusal ?? tooLarge)
    return undefined
  }
  const context = header(request, 'x-amz-client-context')
  return {
    body: read.body,
    clientContext: context === undefined ? undefined : Buffer.from(context, 'base64').toString('utf8'),
    cognitoIdentity: header(request, 'x-amz-cognito-identity'),
    tenantId: header(request, 'x-amz-tenant-id'),
    traceId: header(request, 'x-amzn-trace-id'),
  }
}

async function invoke(
  exchange: Exchange,
  state: FunctionState,
  headersOf: HeadersOf = () => ({}),
): Promise<void> {
  const { request, response } = exchange
  const event = await readRequest(exchange, state)
  if (event === undefined) return
  const isAsync = header(request, 'x-amz-invocation-type') === 'Event'
  // An asynchronous event stays when its invoker disconnects.
  const running = state.invoke(event, isAsync ? new AbortController().signal : goneSignal(response))
  if (isAsync) {
    response.writeHead(202, { 'X-Amzn-RequestId': running.requestId }).end()
    // The event is held until it has run.
    await running.result
    headersOf(running.requestId)
    return
  }
  const result = await running.result
  for (const [name, value] of Object.entries(headersOf(running.requestId))) response.setHeader(name, value)
  finish(exchange, result, running.requestId)
}

/** Answers as a function URL does: with the head that the function gave, and its bytes as they come. */
async function invokeStreaming(exchange: Exchange, state: FunctionState): Promise<void> {
  const { response } = exchange
  const event = await readRequest(exchange, state)
  if (event === undefined) return
  const streams: Promise<void>[] = []
  const { requestId, result } = state.invoke(event, goneSignal(response), (stream) => {
    streams.push(passOn(response, stream, requestId))
  })
  const ended = await result
  if (streams.length === 0) return finish(exchange, ended, requestId)
  await Promise.all(streams)
}

async function passOn(response: ServerResponse, stream: AnswerStream, requestId: string): Promise<void> {
  response.setHeader('X-Amzn-RequestId', requestId)
  try {
    const { prelude, chunks } = await stream.withPrelude()
    response.setHeader('Trailer', `${typeTrailer}, ${bodyTrailer}`)
    if (prelude === undefined) response.setHeader('Content-Type', stream.contentType)
    else setHead(response, prelude)
    response.flushHeaders()
    await pipeline(chunks, response, { end: false })
  } catch (error) {
    // The head could not be read, or the reader disconnected.
    sendStatus(response, { status: 502, errorType: 'Runtime.BadPrelude', errorMessage: messageOf(error) })
    response.destroy()
    return
  }
  const end = await stream.ended
  if (end.kind === 'error')
    response.addTrailers({ [typeTrailer]: end.type, [bodyTrailer]: end.body.toString('base64') })
  response.end()
}

function setHead(
  response: ServerResponse,
  { statusCode, headers, multiValueHeaders, cookies }: Prelude,
): void {
  response.statusCode = statusCode
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  for (const [name, values] of Object.entries(multiValueHeaders)) response.setHeader(name, values)
  if (cookies.length > 0) response.setHeader('Set-Cookie', cookies)
}

/** Returns a signal that aborts when the invoker disconnects. */
function goneSignal(response: ServerResponse): AbortSignal {
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  return gone.signal
}

function finish({ response, share }: Exchange, result: InvokeResult, requestId: string): void {
  if (response.destroyed) return
  share.add(result.body.length)
  response.setHeader('Content-Type', 'application/json')
  response.setHeader('X-Amz-Executed-Version', '$LATEST')
  response.setHeader('X-Amzn-RequestId', requestId)
  if (result.kind === 'error') response.setHeader('X-Amz-Function-Error', 'Unhandled')
  response.statusCode = result.kind === 'error' && result.type === 'Emulator.Stopped' ? 503 : 200
  response.end(result.body)
}
