/** The routes that the runtime calls: the Runtime API, 2018-06-01. */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { unreachable } from '../../../index.js'
import { AnswerStream } from '../function/answer-stream.js'
import type { Ticket } from '../function/event.js'
import type { FunctionState } from '../function/function-state.js'
import {
  checkedErrorType,
  type HandedOut,
  type InvokeResult,
  payloadBytesMax,
  platformError,
} from '../function/invocation.js'
import {
  type Exchange,
  functionArn,
  type HttpRoute,
  header,
  headerSafe,
  readRequestBody,
  sendStatus,
  truncatedRequest,
} from './exchange.js'

const modeHeader = 'lambda-runtime-function-response-mode'
const typeHeader = 'lambda-runtime-function-error-type'
const errorBytesMax = 1024 * 1024

/**
 * Makes the routes. `hasEmptyHeaders`: optional headers are sent empty, as under Managed Instances; else they are absent.
 */
export function runtimeRoutes(state: FunctionState, hasEmptyHeaders: boolean): readonly HttpRoute[] {
  return [
    ['GET', /^\/2018-06-01\/ping$/, ({ response }) => void response.end('pong')],
    [
      'GET',
      /^\/2018-06-01\/runtime\/invocation\/next$/,
      (exchange) => next(exchange, state, hasEmptyHeaders),
    ],
    [
      'POST',
      /^\/2018-06-01\/runtime\/invocation\/([^/]+)\/response$/,
      (exchange) => respond(exchange, state),
    ],
    ['POST', /^\/2018-06-01\/runtime\/invocation\/([^/]+)\/error$/, (exchange) => fail(exchange, state)],
    ['POST', /^\/2018-06-01\/runtime\/init\/error$/, (exchange) => startFault(exchange, state, 'initError')],
    ['GET', /^\/2018-06-01\/runtime\/restore\/next$/, (exchange) => restoreNext(exchange, state)],
    [
      'POST',
      /^\/2018-06-01\/runtime\/restore\/error$/,
      (exchange) => startFault(exchange, state, 'restoreError'),
    ],
  ]
}

function next({ request, response }: Exchange, state: FunctionState, hasEmptyHeaders: boolean): void {
  const takeBack = state.next({
    hand: (event) => handOut(response, event, hasEmptyHeaders),
    refuse: (status) => sendStatus(response, status),
  })
  onGone(request, response, takeBack)
}

function restoreNext({ request, response }: Exchange, state: FunctionState): void {
  const takeBack = state.restoreNext({
    wake: () => response.writeHead(200).end(),
    refuse: (status) => sendStatus(response, status),
  })
  onGone(request, response, takeBack)
}

function onGone(request: IncomingMessage, response: ServerResponse, run: () => void): void {
  request.socket.once('close', run)
  response.once('finish', () => request.socket.off('close', run))
}

async function respond(exchange: Exchange, state: FunctionState): Promise<void> {
  const { request, response, id, share } = exchange
  const mode = request.headers[modeHeader]
  if (mode !== undefined && mode !== 'streaming') {
    const body = await readRequestBody(request, 0, share)
    if (body.kind !== 'cut') sendStatus(response, state.refuseMode(id, String(mode)))
    return
  }
  const ticket = state.begin(id)
  if ('status' in ticket) {
    request.resume()
    sendStatus(response, ticket)
  } else if (mode === 'streaming' && ticket.isStreamRead) await stream(exchange, state, ticket)
  else if (mode === 'streaming') await collect(exchange, state, ticket)
  else await buffer(exchange, { state, ticket, bytesMax: payloadBytesMax })
}

/**
 * Handles an error: its type comes from the header, the body is passed to the invoker. Refused after the answer has begun.
 */
async function fail(exchange: Exchange, state: FunctionState): Promise<void> {
  const { request, response, id } = exchange
  const ticket = state.begin(id)
  if (!('status' in ticket)) {
    const type = checkedErrorType(header(request, typeHeader))
    return buffer(exchange, { state, ticket, bytesMax: errorBytesMax, type })
  }
  request.resume()
  sendStatus(response, ticket)
}

/** `type`: what is read is an error. */
async function buffer(
  { request, response, share }: Exchange,
  about: { state: FunctionState; ticket: Ticket; bytesMax: number; type?: string },
): Promise<void> {
  const { state, ticket, bytesMax, type } = about
  const read = await readRequestBody(request, bytesMax, share)
  switch (read.kind) {
    case 'cut':
      state.breakOff(ticket)
      return sendStatus(response, truncatedRequest)
    case 'over':
    case 'full':
      return sendStatus(response, state.finishTooLarge(ticket))
    case 'whole': {
      const { body } = read
      const result: InvokeResult =
        type === undefined ? { kind: 'result', body } : { kind: 'error', body, type }
      return sendStatus(response, state.finish(ticket, result))
    }
    default:
      return unreachable(read)
  }
}

/** Passes the answer on as a stream. */
async function stream({ request, response }: Exchange, state: FunctionState, ticket: Ticket): Promise<void> {
  const answer = new AnswerStream(request)
  state.stream(ticket, answer)
  await answer.ended
  sendStatus(response, state.streamed(ticket))
}

/** Collects a streamed answer for an invoker that takes a buffered one. */
async function collect({ request, response }: Exchange, state: FunctionState, ticket: Ticket): Promise<void> {
  const answer = new AnswerStream(request, payloadBytesMax)
  const chunks: Buffer[] = []
  for await (const chunk of answer.chunks()) chunks.push(chunk)
  const end = await answer.ended
  if (end.kind === 'error' && end.type === 'Function.ResponseSizeTooLarge')
    return sendStatus(response, state.finishTooLarge(ticket))
  const result: InvokeResult = end.kind === 'error' ? end : { kind: 'result', body: Buffer.concat(chunks) }
  sendStatus(response, state.finish(ticket, result))
}

async function startFault(
  { request, response, share }: Exchange,
  state: FunctionState,
  call: 'initError' | 'restoreError',
): Promise<void> {
  const read = await readRequestBody(request, errorBytesMax, share)
  if (read.kind === 'cut') return
  const type = header(request, typeHeader)
  const tooLarge = platformError('Runtime.InitError', 'the error was too large to be kept')
  const body = read.kind === 'whole' ? read.body : tooLarge.body
  sendStatus(response, state[call](body, type === undefined ? 'Runtime.InitError' : checkedErrorType(type)))
}

function handOut(response: ServerResponse, event: HandedOut, hasEmptyHeaders: boolean): void {
  const optional = (name: string, value: string | undefined) => {
    if (value !== undefined || hasEmptyHeaders) response.setHeader(name, headerSafe(value ?? ''))
  }
  response.setHeader('Content-Type', 'application/json')
  response.setHeader('Lambda-Runtime-Aws-Request-Id', event.requestId)
  response.setHeader('Lambda-Runtime-Deadline-Ms', String(event.deadlineMs))
  response.setHeader('Lambda-Runtime-Invoked-Function-Arn', functionArn)
  response.setHeader('Lambda-Runtime-Trace-Id', event.traceId)
  optional('Lambda-Runtime-Client-Context', event.clientContext)
  optional('Lambda-Runtime-Cognito-Identity', event.cognitoIdentity)
  optional('Lambda-Runtime-Aws-Tenant-Id', event.tenantId)
  response.end(event.body)
}
