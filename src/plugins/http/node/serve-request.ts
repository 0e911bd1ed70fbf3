/** Serves one request that node:http read: its body is read, then it runs as a job. A slow client costs no worker meanwhile. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Codec, type Job, messageOf, type WorkTrace } from '../../../index.js'
import {
  type BodyBudget,
  canonicalName,
  encodeRequest,
  type FormBody,
  FormFault,
  type FormSettings,
  type HttpCodec,
  isHost,
  type MultiValues,
  readBody,
  readFormStream,
  type SendFile,
} from '../../../work/http/index.js'
import { type AnswerHead, ownHead } from '../serving/answer-head.js'
import type { ClientAnswer } from '../serving/client-answer.js'
import { RequestRun, type RunParts } from '../serving/request-run.js'
import { endTrace, type RequestTracing } from '../serving/request-tracing.js'
import { NodeAnswer } from './answer.js'
import { collectBody, type HeldBody } from './body.js'
import { factsOf } from './facts.js'
import { FileAnswer } from './file-answer.js'
import { lookAt } from './look.js'
import { readRequestHead, remoteAddress } from './request.js'

/** Settings of requests, and what all of them share. */
export interface ServeOptions {
  /** Chooses the pool of a request by its target. */
  readonly runFor: (target: string) => RunParts
  readonly codec: HttpCodec
  readonly isRaw: boolean
  readonly bodyBytesMax: number
  /** The longest multipart form, whose files are written to disk as they come. */
  readonly formBytesMax: number
  readonly room: BodyBudget
  readonly forms: FormSettings
  /** Makes the id of a request's job. */
  readonly newId: () => string
  readonly isStopping: () => boolean
  /** Sends the files that workers name; undefined without the middleware `sendfile`. */
  readonly sendFile: SendFile | undefined
  /** Undefined without the plugin `otel`. */
  readonly tracing: RequestTracing | undefined
}

const badRequest = 400
const notImplemented = 501
const plainText = { 'Content-Type': 'text/plain; charset=utf-8' } as const
const webSocketText =
  'WebSockets are not served here: use server-sent events, or put a server of WebSockets such as Centrifugo beside this one\n'
// A client that is refused goes on sending for a while; closing at once would destroy the answer on its way.
const lingerMs = 1000

/** Serves the request; every end of it is an answer. */
export function serveRequest(
  request: IncomingMessage,
  response: ServerResponse,
  options: ServeOptions,
): void {
  const answer = answerOf(request, response, options)
  const host = String(request.headers[':authority'] ?? request.headers.host ?? '')
  if (!isHost(host)) {
    answer.whole({ ...ownHead(badRequest), isLast: true }, Buffer.from('the host is invalid\n'))
    return
  }
  if (isWebSocket(request)) {
    answer.whole({ ...ownHead(notImplemented, plainText), isLast: true }, Buffer.from(webSocketText))
    return
  }
  const trace = options.tracing === undefined ? undefined : traceOf(request, response, options.tracing)
  const way = { answer, options, trace }
  if (hasNoBody(request)) {
    begin(request, response, { body: '', isParsed: false, uploads: undefined }, way)
    return
  }
  void readForm(request, options).then(
    (form) => {
      if (response.destroyed) form.clean()
      else begin(request, response, form, way)
    },
    (error: unknown) => {
      if (!response.destroyed) refuse(request, { answer, error })
    },
  )
}

/** Makes the port by which a request is answered through its response. */
export function answerOf(
  request: IncomingMessage,
  response: ServerResponse,
  { isStopping, sendFile: send }: Pick<ServeOptions, 'isStopping' | 'sendFile'>,
): ClientAnswer {
  const plain = new NodeAnswer(response, request.method ?? 'GET', isStopping)
  const isPlain = send === undefined || factsOf(request)?.sendsFiles !== true
  return isPlain ? plain : new FileAnswer({ request, response, plain, send })
}

interface Form {
  readonly body: Buffer | string
  readonly isParsed: boolean
  readonly uploads: string | undefined
  /** Frees what the body took. */
  readonly clean?: () => void
}

/** True for the first request of a WebSocket: no worker has a connection that could become one. */
function isWebSocket({ method, headers }: IncomingMessage): boolean {
  return (
    method === 'GET' &&
    /^websocket$/i.test(headers.upgrade ?? '') &&
    headers['sec-websocket-key'] !== undefined
  )
}

/** Most requests have none; RoadRunner reads none of HEAD and OPTIONS. */
function hasNoBody(request: IncomingMessage): boolean {
  const { method, headers } = request
  if (method === 'HEAD' || method === 'OPTIONS') return true
  // In HTTP/2 no header announces a body, but the end of the stream its absence.
  if (request.httpVersionMajor > 1) return 'stream' in request && endsAfterHeaders(request.stream)
  return (
    headers['transfer-encoding'] === undefined &&
    (headers['content-length'] === undefined || headers['content-length'] === '0') &&
    // An empty form is one all the same.
    headers['content-type'] === undefined
  )
}

function endsAfterHeaders(stream: unknown): boolean {
  return (
    typeof stream === 'object' &&
    stream !== null &&
    'endAfterHeaders' in stream &&
    stream.endAfterHeaders === true
  )
}

async function readForm(
  request: IncomingMessage,
  options: ServeOptions,
): Promise<Form & { readonly clean: () => void }> {
  const contentType = request.headers['content-type'] ?? ''
  const isStreamed = !options.isRaw && contentType.toLowerCase().includes('multipart/form-data')
  return isStreamed ? readStreamed(request, contentType, options) : readHeld(request, contentType, options)
}

/** Reads a form whose files are on disk when it has come. */
async function readStreamed(
  request: IncomingMessage,
  contentType: string,
  { formBytesMax, bodyBytesMax, room, forms }: ServeOptions,
): Promise<Form & { readonly clean: () => void }> {
  if (Number(request.headers['content-length'] ?? 0) > formBytesMax)
    throw new FormFault(413, `the body has more than ${formBytesMax} bytes`)
  let bytes = 0
  const takeRoom = (more: number) => {
    const isTaken = room.take(more)
    if (isTaken) bytes += more
    return isTaken
  }
  const stream = {
    contentType,
    stream: request,
    bytesMax: formBytesMax,
    fieldBytesMax: bodyBytesMax,
    takeRoom,
  }
  try {
    const form = await readFormStream(stream, forms)
    return cleaned(form, () => room.giveBack(bytes))
  } catch (error) {
    room.giveBack(bytes)
    throw error
  }
}

async function readHeld(
  request: IncomingMessage,
  contentType: string,
  { bodyBytesMax, room, isRaw, forms }: ServeOptions,
): Promise<Form & { readonly clean: () => void }> {
  const held: HeldBody = await collectBody(request, bodyBytesMax, room)
  const { method = 'GET' } = request
  try {
    return cleaned(await readBody({ method, contentType, body: held.bytes }, { ...forms, isRaw }), held.free)
  } catch (error) {
    held.free()
    throw error
  }
}

function cleaned(form: FormBody, free: () => void): Form & { readonly clean: () => void } {
  let isDone = false
  return {
    ...form,
    clean: () => {
      if (!isDone) free()
      isDone = true
      void form.clean()
    },
  }
}

interface Way {
  readonly answer: ClientAnswer
  readonly options: ServeOptions
  readonly trace: WorkTrace | undefined
}

/** Begins the trace of a request, which ends with its answer. */
function traceOf(request: IncomingMessage, response: ServerResponse, tracing: RequestTracing): WorkTrace {
  const isSecure = 'encrypted' in request.socket && request.socket.encrypted === true
  const facts = { remoteAddr: remoteAddress(request), isSecure, version: request.httpVersion }
  const trace = tracing.begin(lookAt(request), facts)
  response.once('close', () => {
    const length = response.getHeader('content-length')
    const bytes = length === undefined ? undefined : Number(length)
    endTrace(trace, response.headersSent ? response.statusCode : 499, bytes)
  })
  return trace
}

function withTrace(headers: MultiValues, trace: WorkTrace): MultiValues {
  const told = Object.fromEntries(trace.headers.map(([name, value]) => [canonicalName(name), [value]]))
  const { Traceparent: _parent, Tracestate: _state, Baggage: _baggage, ...kept } = headers
  return { ...kept, ...told }
}

function begin(
  request: IncomingMessage,
  response: ServerResponse,
  { body, isParsed, uploads, clean }: Form,
  { answer, options, trace }: Way,
): void {
  const { codec, newId } = options
  const head = readRequestHead(request)
  const headers = trace === undefined ? head.headers : withTrace(head.headers, trace)
  const context = encodeRequest({ ...head, headers, isParsed, uploads }, codec)
  const job: Job = { context, body, codec: codec === 'json' ? Codec.json : Codec.proto, id: newId() }
  trace?.runs(job)
  const run = new RequestRun(options.runFor(request.url ?? '/'), job, answer, clean)
  response.on('close', () => run.leave())
  run.begin()
}

function refuse(
  request: IncomingMessage,
  { answer, error }: { readonly answer: ClientAnswer; readonly error: unknown },
): void {
  const status = error instanceof FormFault ? error.status : badRequest
  const head: AnswerHead = ownHead(status, status === 503 ? { ...plainText, 'Retry-After': '1' } : plainText)
  const text = Buffer.from(`${messageOf(error)}\n`)
  if (request.complete) {
    answer.whole(head, text)
    return
  }
  answer.begin({ ...head, isLast: true })
  void answer.write(text)
  request.resume()
  const timer = setTimeout(() => answer.end(new Uint8Array(0)), lingerMs)
  request.once('end', () => {
    clearTimeout(timer)
    answer.end(new Uint8Array(0))
  })
}
