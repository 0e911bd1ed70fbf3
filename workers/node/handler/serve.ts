/** Adapts an ordinary Lambda handler to a handler of jobs. */
import type { RelayLink } from '../connect.js'
import type { JobContext } from '../context.js'
import type { Leaks } from '../leaks.js'
import { type Reply, reply } from '../reply.js'
import { type Handler, Serving } from '../serving.js'
import { retry, type Verdict } from '../verdict.js'
import { callHandler } from './call.js'
import { lambdaContext } from './context.js'
import { EmptyLoop } from './empty-loop.js'
import { eventOf, namesFailures } from './event.js'
import type { LambdaHandler } from './file.js'
import { LateErrors, type WatchedCall } from './late-errors.js'
import { ResponseStream, streamingOf } from './response-stream.js'
import { continued, startOf } from './stream-start.js'
import { StreamingCall } from './streaming-call.js'

// AWS's own libraries find the running request there.
const requestIdKey = Symbol.for('aws.lambda.runtime.requestId')
const tenantIdKey = Symbol.for('aws.lambda.runtime.tenantId')

/** Serves jobs with the handler for the worker's whole life. */
export function serveLambda(link: RelayLink, handler: LambdaHandler, leaks: Leaks | undefined): void {
  const streaming = streamingOf(handler)
  const loop = new EmptyLoop(link)
  const errors = new LateErrors(() => serving.leave())
  const handle: Handler = (body, job) => {
    Reflect.set(globalThis, requestIdKey, job.awsRequestId)
    Reflect.set(globalThis, tenantIdKey, job.tenantId ?? undefined)
    const run = { handler, event: eventOf(body, job), job, loop, errors }
    return streaming === undefined ? runPlain(run) : runStreaming(run, streaming)
  }
  const serving = new Serving(link, handle, { leaks })
}

interface Run {
  readonly handler: LambdaHandler
  readonly event: unknown
  readonly job: JobContext
  readonly loop: EmptyLoop
  readonly errors: LateErrors
}

async function runPlain({ handler, event, job, loop, errors }: Run): Promise<string | Verdict> {
  const watched = watchedCall(job)
  try {
    const context = lambdaContext(job)
    const call = errors.run(watched, () => callHandler(handler, { event, context, loop }))
    watched.fail = call.fail
    const result = toJson(await call.answer)
    return job.kind === 'record' && namesFailures(result) ? namedByHandler() : result
  } finally {
    watched.isAnswered = true
  }
}

function watchedCall({ awsRequestId }: JobContext): WatchedCall {
  return { requestId: awsRequestId, isAnswered: false, fail: () => undefined }
}

function namedByHandler(): Verdict {
  return retry('the handler named the record in batchItemFailures')
}

/** Encodes a result as JSON, texts included: `"ok"` and not `ok`. A value that JSON cannot express becomes `null`. */
function toJson(result: unknown): string {
  try {
    return JSON.stringify(result) ?? 'null'
  } catch (error) {
    throw new Error('Unable to stringify response body', { cause: error })
  }
}

/** Runs a streaming handler. An error before the first byte fails the job as usual; after it, the stream is the answer. */
async function runStreaming(
  { handler, event, job, loop, errors }: Run,
  { highWaterMark }: { readonly highWaterMark: number | undefined },
): Promise<Reply | Verdict | string> {
  const watched = watchedCall(job)
  const stream = new ResponseStream(highWaterMark)
  const options = { event, context: lambdaContext(job), stream, loop }
  const call = errors.run(watched, () => new StreamingCall(handler, options))
  watched.fail = (error) => call.fail(error)
  const pieces = endingWith(call.pieces(), () => {
    watched.isAnswered = true
  })
  // The answer to a record is only its verdict.
  if (job.kind === 'record') return verdictOf(await collected(pieces))
  const start = await startOf(pieces)
  const head = { content_type: stream.contentType }
  return reply(start.next === undefined ? Buffer.concat(start.pieces) : continued(start, pieces), head)
}

async function* endingWith<T>(pieces: AsyncGenerator<T>, onEnd: () => void): AsyncGenerator<T> {
  try {
    yield* pieces
  } finally {
    onEnd()
  }
}

async function collected(pieces: AsyncGenerator<Uint8Array>): Promise<string> {
  const all: Uint8Array[] = []
  for await (const piece of pieces) all.push(piece)
  return Buffer.concat(all).toString('utf8')
}

function verdictOf(text: string): Verdict | string {
  return namesFailures(text) ? namedByHandler() : ''
}
