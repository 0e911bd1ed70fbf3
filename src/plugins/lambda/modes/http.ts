/**
 * `mode: http`: an HTTP event becomes the request that RoadRunner's http plugin would send its workers, and their answer becomes
 * the event's, so that a PSR-7 worker answers API Gateway unchanged.
 */
import { randomUUID } from 'node:crypto'
import { Codec, messageOf, type Reply } from '../../../index.js'
import { resultBytesMax } from '../answer.js'
import { ErrorType, lambdaError } from '../errors.js'
import { readBody, type UploadSettings } from '../http/body.js'
import { decodeReply, encodeRequest, type HttpCodec } from '../http/message.js'
import { type HttpRequest, type HttpSource, readHttpEvent } from '../http/request.js'
import { albBytesMax, encodeResponse } from '../http/response.js'
import { ChunkCollector, httpStreamForm } from '../http/stream.js'
import type { Verdict } from '../verdict.js'
import type { EventFacts, EventWork, Mode, Unfit } from './mode.js'

/** `lambda.http`, validated. */
export interface HttpSettings {
  readonly codec: HttpCodec
  readonly isRaw: boolean
  /** Status of an answer to a failed job; 0 fails the invocation instead. */
  readonly errorStatus: number
  readonly uploads: UploadSettings
}

const badRequest = 400

/** The mode. */
export function httpMode(settings: HttpSettings): Mode {
  return {
    eventWork: (event) => eventWork(event, settings),
    recordsWork: neverSplit,
    readRecords: neverSplit,
  }
}

function neverSplit(): never {
  throw new Error('bug in relayrunner: an HTTP event has no records')
}

async function eventWork({ invocation }: EventFacts, settings: HttpSettings): Promise<EventWork | Unfit> {
  const request = readHttpEvent(parsed(invocation.body))
  if (request === undefined) {
    const text = 'the event is none of API Gateway, a Function URL, a load balancer or a WebSocket'
    return { unfit: { kind: 'never', error: lambdaError(ErrorType.BadEvent, text) } }
  }
  const { method, body, headers } = request
  const contentType = headers['Content-Type']?.[0] ?? ''
  const options = { isRaw: settings.isRaw, uploads: settings.uploads, newId: randomUUID }
  try {
    return toWork(
      request,
      await readBody({ method, contentType, body }, options),
      invocation.requestId,
      settings,
    )
  } catch (error) {
    const head = { status: badRequest, headers: { 'Content-Type': ['text/plain; charset=utf-8'] } }
    const text = encodeResponse(request.source, head, Buffer.from(messageOf(error)))
    return { unfit: { kind: 'done', body: Buffer.from(text) } }
  }
}

function toWork(
  request: HttpRequest,
  form: Awaited<ReturnType<typeof readBody>>,
  requestId: string,
  { codec, errorStatus }: HttpSettings,
): EventWork {
  const attributes = { ...request.attributes, awsRequestId: [requestId] }
  const head = { ...request, attributes, isParsed: form.isParsed, uploads: form.uploads }
  return {
    context: encodeRequest(head, codec),
    body: form.body,
    codec: codec === 'json' ? Codec.json : Codec.proto,
    read: (reply) => readReply(request.source, reply),
    stream: httpStreamForm(request.source),
    collector: new ChunkCollector(),
    clean: form.clean,
    ...(errorStatus === 0 ? {} : { onFailure: () => failed(request.source, errorStatus) }),
  }
}

function readReply(source: HttpSource, reply: Reply): Verdict {
  let text: string
  try {
    text = encodeResponse(source, decodeReply(reply.context), reply.body)
  } catch (error) {
    const what = `the worker's answer is no HTTP answer: ${messageOf(error)}`
    return { kind: 'again', error: lambdaError(ErrorType.BadReply, what) }
  }
  const bytes = Buffer.from(text)
  const bytesMax = source.startsWith('alb') ? albBytesMax : resultBytesMax
  if (bytes.length <= bytesMax) return { kind: 'done', body: bytes }
  const what = `the HTTP answer has ${reply.body.length} bytes, ${bytes.length} as JSON; ${
    source.startsWith('alb') ? 'a load balancer' : 'Lambda'
  } takes ${bytesMax}`
  return { kind: 'again', error: lambdaError(ErrorType.PayloadTooLarge, what) }
}

/** RoadRunner answers a failed job with a status and no body; what went wrong stands in the log. */
function failed(source: HttpSource, status: number): Verdict {
  return {
    kind: 'done',
    body: Buffer.from(encodeResponse(source, { status, headers: {} }, new Uint8Array())),
  }
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    // Not JSON, so no HTTP event.
    return undefined
  }
}
