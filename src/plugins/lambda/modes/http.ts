/**
 * `mode: http`: an HTTP event becomes the request that RoadRunner's http plugin would send its workers, and their answer becomes
 * the event's, so that a PSR-7 worker answers API Gateway unchanged.
 */
import { Codec, messageOf, onAbort, parseJson, type Reply } from '../../../index.js'
import { makeFault } from '../../../work/fault.js'
import { type FormBody, FormFault, readBody, type UploadSettings } from '../../../work/http/body.js'
import { faultOf, type HttpFault } from '../../../work/http/faults.js'
import { decodeReply, encodeRequest, type HttpCodec, type HttpReplyHead } from '../../../work/http/message.js'
import { type HttpRequest, type MultiValues, readHttpEvent } from '../../../work/http/request.js'
import { albBytesMax, encodeResponse, type HttpCall } from '../../../work/http/response.js'
import type { RemoveUpload } from '../../../work/http/upload-removal.js'
import { uploadId } from '../../../work/http/upload-sweep.js'
import { FaultKind, type Verdict } from '../../../work/verdict.js'
import { resultBytesMax } from '../answer/answer.js'
import { ChunkCollector } from './chunk-collector.js'
import { httpStreamForm, isFinal, mayBeFinal, takesStream } from './http-stream.js'
import type { EventFacts, EventWork, Mode, Unfit } from './mode.js'

/** `lambda.http`, validated. */
export interface HttpSettings {
  readonly codec: HttpCodec
  readonly isRaw: boolean
  /** Status of the answer when a job failed; 0 fails the invocation instead. */
  readonly errorStatus: number
  readonly uploads: UploadSettings
  readonly removeUpload: RemoveUpload
}

const badRequest = 400
const statusMax = 599

/** The mode. */
export function httpMode(settings: HttpSettings): Mode {
  return {
    eventWork: (event, over) => eventWork(event, settings, over),
    protocol: neverSplit,
  }
}

function neverSplit(): never {
  throw new Error('bug in relayrunner: an HTTP event has no records')
}

async function eventWork(
  { invocation }: EventFacts,
  settings: HttpSettings,
  over?: () => AbortSignal,
): Promise<EventWork | Unfit> {
  const request = readHttpEvent(parseJson(invocation.body))
  if (request === undefined) {
    const text =
      'lambda.mode is http, and the event is not from API Gateway, a Function URL, a load balancer or a WebSocket'
    return { unfit: { kind: 'retry', why: makeFault(FaultKind.badInput, text) } }
  }
  const fault = faultOf(request)
  if (fault !== undefined) return refusal(request, fault)
  const { method, body, headers } = request
  const contentType = headers['Content-Type']?.[0] ?? ''
  const emptyForm = settings.codec === 'json' ? '{}' : ''
  const signal = /^multipart\//i.test(contentType) ? over?.() : undefined
  const { isRaw, uploads, removeUpload } = settings
  const options = {
    isRaw,
    uploads,
    newId: uploadId,
    remove: removeUpload,
    emptyForm,
    ...(signal === undefined ? {} : { signal }),
  } as const
  let form: FormBody
  try {
    form = await inTime(readBody({ method, contentType, body }, options), signal)
  } catch (error) {
    const status = error instanceof FormFault ? error.status : badRequest
    return refusal(request, { status, text: messageOf(error) })
  }
  return toWork(request, form, invocation.requestId, settings)
}

/** Waits for the form until the deadline, even if a disk hangs. Files that arrive too late are removed. */
function inTime(reading: Promise<FormBody>, signal: AbortSignal | undefined): Promise<FormBody> {
  if (signal === undefined) return reading
  return new Promise((resolve, reject) => {
    const stopListening = onAbort(signal, () => {
      reject(new FormFault(503, 'the multipart form could not be read in the time that was left'))
      void reading.then(
        ({ clean }) => clean(),
        () => undefined,
      )
    })
    reading.then(resolve, reject).finally(stopListening)
  })
}

/** Answers a request that is refused before it reaches a worker. */
function refusal(call: HttpCall, { status, text }: HttpFault): Unfit {
  const headers = { 'Content-Type': ['text/plain; charset=utf-8'] }
  const body = Buffer.from(encodeResponse(call, { status, headers }, Buffer.from(text)))
  const unfit: Verdict = {
    kind: 'done',
    body,
    warning: `an HTTP request was refused with ${status}: ${text}`,
  }
  if (!takesStream(call.source)) return { unfit }
  return { unfit, streamed: { reply: replyOf(status, headers, text), form: httpStreamForm(call) } }
}

function replyOf(status: number, headers: MultiValues, body: string): Reply {
  const context = Buffer.from(JSON.stringify({ status, headers }))
  return { context, body: Buffer.from(body), flags: Codec.json }
}

function toWork(
  request: HttpRequest,
  form: FormBody,
  requestId: string,
  { codec, errorStatus }: HttpSettings,
): EventWork {
  const attributes = { ...request.attributes, awsRequestId: [requestId] }
  const head = { ...request, attributes, isParsed: form.isParsed, uploads: form.uploads }
  const stream = { ...httpStreamForm(request), read: (reply: Reply) => readHead(reply) }
  return {
    context: encodeRequest(head, codec),
    body: form.body,
    codec: codec === 'json' ? Codec.json : Codec.proto,
    read: (reply) => readReply(request, reply),
    ...(takesStream(request.source) ? { stream } : {}),
    collect: () => new ChunkCollector(mayBeFinal),
    clean: form.clean,
    // RoadRunner answers a failed job with a status and no body; what went wrong stands in the log.
    ...(errorStatus === 0 ? {} : { failureReply: replyOf(errorStatus, {}, '') }),
  }
}

/** Reads the head alone: the rest of the answer goes out as a stream. */
function readHead({ context, body }: Reply): Verdict {
  const head = headOf(context)
  return 'kind' in head ? head : { kind: 'done', body }
}

function headOf(context: Uint8Array): HttpReplyHead | Verdict {
  try {
    const head = decodeReply(context)
    if (isFinal(head.status) && head.status <= statusMax) return head
    return badReply(`${head.status} is not a valid status`)
  } catch (error) {
    return badReply(messageOf(error))
  }
}

function badReply(why: string): Verdict {
  const what = `the worker's answer is not an HTTP answer: ${why}`
  return { kind: 'retry', why: makeFault(FaultKind.badReply, what) }
}

function readReply(call: HttpCall, reply: Reply): Verdict {
  const head = headOf(reply.context)
  if ('kind' in head) return head
  const bytes = Buffer.from(encodeResponse(call, head, reply.body))
  const isAlb = call.source.startsWith('alb')
  const bytesMax = isAlb ? albBytesMax : resultBytesMax
  if (bytes.length <= bytesMax) return { kind: 'done', body: bytes }
  const taker = isAlb ? 'a load balancer' : 'Lambda'
  const what = `the HTTP answer has ${reply.body.length} bytes, ${bytes.length} as JSON; ${taker} takes ${bytesMax}`
  return { kind: 'retry', why: makeFault(FaultKind.tooLarge, what) }
}
