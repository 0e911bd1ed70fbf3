/**
 * SQS's JSON protocol over the queues in memory, so that programs push into them with the SDK that they have: point their
 * SQS endpoint at the emulator's address. Signatures are not checked.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Logger, messageOf } from '../../../index.js'
import type { MemoryQueue } from '../../../work/queues/memory/memory-queue.js'
import type { BodyShare } from '../http/body-room.js'
import { readRequestBody } from '../http/exchange.js'
import type { ExtraRoute } from '../http/server.js'
import { type Actions, type Input, runAction, SqsRefusal } from './sqs-actions.js'

/** Options of the endpoint. */
export interface SqsEndpointOptions extends Actions {
  readonly queues: readonly MemoryQueue[]
  readonly log: Logger
}

const target = /^AmazonSQS\.([A-Za-z]+)$/
// A batch is at most 1 MiB of text, and JSON may write a character as six.
const bodyBytesMax = 8 * 1024 * 1024
const contentType = 'application/x-amz-json-1.0'

/** Names of some faults in the older query protocol. */
const queryNames: Readonly<Record<string, string>> = {
  QueueDoesNotExist: 'AWS.SimpleQueueService.NonExistentQueue',
  EmptyBatchRequest: 'AWS.SimpleQueueService.EmptyBatchRequest',
  TooManyEntriesInBatchRequest: 'AWS.SimpleQueueService.TooManyEntriesInBatchRequest',
  BatchEntryIdsNotDistinct: 'AWS.SimpleQueueService.BatchEntryIdsNotDistinct',
  MessageNotInflight: 'AWS.SimpleQueueService.MessageNotInflight',
  UnsupportedOperation: 'AWS.SimpleQueueService.UnsupportedOperation',
}

/** The route of requests that carry SQS's `X-Amz-Target`. */
export function sqsRoute(options: SqsEndpointOptions): ExtraRoute {
  return (request, response, share) => {
    const action = target.exec(String(request.headers['x-amz-target'] ?? ''))?.[1]
    if (request.method !== 'POST' || action === undefined) return undefined
    return answer({ action, request, response, share }, options)
  }
}

interface SqsCall {
  readonly action: string
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly share: BodyShare
}

async function answer(
  { action, request, response, share }: SqsCall,
  options: SqsEndpointOptions,
): Promise<void> {
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  try {
    const input = await readInput(request, share)
    send(response, 200, await runAction(action, input, options, gone.signal))
  } catch (error) {
    if (!(error instanceof SqsRefusal)) {
      options.log.error({ action, error: messageOf(error) }, 'a request to the queue failed')
      send(response, 500, { __type: 'com.amazonaws.sqs#InternalError', message: messageOf(error) })
      return
    }
    response.setHeader('x-amzn-query-error', `${queryNames[error.type] ?? error.type};Sender`)
    send(response, 400, { __type: `com.amazonaws.sqs#${error.type}`, message: error.message })
  }
}

async function readInput(request: IncomingMessage, share: BodyShare): Promise<Input> {
  const read = await readRequestBody(request, bodyBytesMax, share)
  if (read.kind === 'over')
    throw new SqsRefusal('BatchRequestTooLong', `a request has at most ${bodyBytesMax} bytes`)
  if (read.kind !== 'whole') throw new SqsRefusal('RequestThrottled', 'too many requests are in progress')
  let value: unknown
  try {
    value = JSON.parse(read.body.toString('utf8'))
  } catch {
    throw new SqsRefusal('InvalidParameterValue', 'the request is not JSON')
  }
  if (typeof value !== 'object' || value === null)
    throw new SqsRefusal('InvalidParameterValue', 'the request is not an object')
  return { ...value }
}

function send(response: ServerResponse, status: number, body: object): void {
  if (response.destroyed) return
  response.writeHead(status, { 'Content-Type': contentType })
  response.end(JSON.stringify(body))
}
