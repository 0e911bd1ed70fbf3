/** The queue of `emulator.sqs`, the mapping that polls it, and the remote procedures of `rr send` and `rr queue`. */
import { randomUUID } from 'node:crypto'
import {
  type AnyProcedure,
  type Clock,
  ErrorCode,
  type Logger,
  messageOf,
  RelayError,
} from '../../../index.js'
import { MemoryQueue } from '../../../work/queues/memory/memory-queue.js'
import type { MessageQueue, NewMessage } from '../../../work/queues/message-queue.js'
import { QueueSource } from '../../../work/queues/queue-source.js'
import { placeOfQueue } from '../../../work/queues/sqs/client.js'
import { openSqsQueue } from '../../../work/queues/sqs/sqs-queue.js'
import type { ExtraRoute } from '../http/server.js'
import type { PolledCounts, SentMessages } from '../procedures.js'
import { EventSourceMapping, type EventSourceMappingOptions } from './event-source-mapping.js'
import { remoteViewProcedures, viewProcedures } from './queue-view.js'
import { isUrl, type SqsSettings, visibilityFactor } from './section.js'
import { sqsRoute } from './sqs-endpoint.js'
import { problemOfMessage } from './sqs-limits.js'

/** End of an event as the emulator reports it. */
type Ended =
  | { readonly kind: 'result'; readonly body: Uint8Array }
  | { readonly kind: 'error'; readonly body: Uint8Array; readonly type: string }

/** Options of a polled queue. */
export interface PolledQueueOptions {
  readonly settings: SqsSettings
  readonly timeoutMs: number
  readonly invoke: (event: Buffer) => Promise<Ended>
  /** `host:port` of the emulator, once it listens. */
  readonly address: () => string
  /** Ms until failed messages of a queue in memory are delivered again; absent: when their visibility timeout ends. */
  readonly retryMs?: number | undefined
  readonly clock: Clock
  readonly log: Logger
  readonly env: Readonly<Record<string, string | undefined>>
}

/** A queue, and the mapping in front of it. */
export interface PolledQueue {
  /** Name of the polled queue for messages; undefined when none is polled. */
  readonly polled: string | undefined
  /** SQS's own protocol, for queues in memory. */
  readonly route: ExtraRoute
  /** `Send` and `Queue`. */
  readonly procedures: Readonly<Record<string, AnyProcedure>>
  /** Begins to poll. */
  start(): void
  /** Takes no further batch; resolves when the running ones have ended. */
  stop(): Promise<void>
}

// Error with which the emulator ends the events that it still holds when it stops.
const stoppedType = 'Emulator.Stopped'
const receiveMaxDefault = 5
const countMax = 10_000

/** Opens the queue that the settings name; without one the procedures say so. Rejects with RR_AWS_PACKAGE. */
export async function openPolledQueue(options: PolledQueueOptions): Promise<PolledQueue> {
  const { queue: name } = options.settings
  if (name === undefined) return nothing
  return isUrl(name) ? remoteQueue(options, name) : memoryQueue(options, name)
}

const nothing: PolledQueue = {
  polled: undefined,
  route: () => undefined,
  procedures: proceduresOf({ send: refuse, counts: refuse }),
  start: () => undefined,
  stop: async () => undefined,
}

function proceduresOf(of: {
  send(argument: unknown): Promise<SentMessages>
  counts(): Promise<PolledCounts>
  readonly view?: PolledQueue['procedures']
}): PolledQueue['procedures'] {
  return { Send: { audited: true, call: of.send }, Queue: { call: of.counts }, ...of.view }
}

function refuse(): never {
  throw new RelayError(ErrorCode.QueueRefused, 'the server polls no queue')
}

function memoryQueue(options: PolledQueueOptions, name: string): PolledQueue {
  const { settings, timeoutMs, address, clock, log } = options
  const { visibility_timeout: visibilityMs = visibilityFactor * timeoutMs } = settings
  const receiveMax = settings.max_receive_count ?? receiveMaxDefault
  const common = { clock, newId: randomUUID, visibilityMs, problemOf: problemOfMessage }
  const deadLetter = new MemoryQueue({ ...common, name: name.replace(/([.]fifo)?$/, '-dead$1') })
  const queue = new MemoryQueue({
    ...common,
    name,
    deadLetter,
    ...(receiveMax === 0 ? {} : { receiveMax }),
    onDead: (messageId, receiveCount) =>
      log.warn(
        { queue: deadLetter.name, messageId, receiveCount },
        'a message went to the dead-letter queue',
      ),
  })
  const memory = [queue, deadLetter]
  const named = new Map(memory.map((one) => [one.name, one]))
  return {
    ...running(options, queue, { visibilityMs, retryMs: settings.retry_after ?? options.retryMs }),
    polled: `${name} (in memory)`,
    route: sqsRoute({ queues: memory, address, log }),
    procedures: proceduresOf({
      send: (argument) => send(argument, queue, named),
      counts: async () => {
        const { visible, inFlight, delayed } = await queue.counts()
        return { queue: name, visible, in_flight: inFlight, delayed, dead: deadLetter.ids.length }
      },
      view: viewProcedures(queue, deadLetter),
    }),
  }
}

async function remoteQueue(options: PolledQueueOptions, url: string): Promise<PolledQueue> {
  const { clock, env, log, timeoutMs } = options
  const instead = 'a name: a queue in memory'
  const queue = await openSqsQueue({ url, clock, env, key: 'emulator.sqs.queue', instead })
  const { start, stop } = running(options, queue)
  return {
    polled: url,
    route: () => undefined,
    start: () => {
      start()
      // The mapping itself says when the queue cannot be reached.
      queue.properties().then(
        ({ visibilityMs }) => warnOfShort(log, visibilityMs, timeoutMs),
        (error: unknown) => log.debug({ error: messageOf(error) }, 'the queue’s attributes are not known'),
      )
    },
    stop: async () => {
      await stop()
      queue.close()
    },
    procedures: proceduresOf({
      send: (argument) =>
        send(
          argument,
          queue,
          new Map([
            [url, queue],
            [placeOfQueue(url).name, queue],
          ]),
        ),
      counts: async () => {
        const { visible, inFlight, delayed } = await queue.counts()
        return { queue: url, visible, in_flight: inFlight, delayed, dead: null }
      },
      view: remoteViewProcedures(url),
    }),
  }
}

function warnOfShort(log: Logger, visibilityMs: number, timeoutMs: number): void {
  if (visibilityMs >= timeoutMs) return
  log.warn(
    { visibilityMs, timeoutMs },
    'the queue hides messages for less than the function may take: AWS would refuse this mapping',
  )
}

function running(
  { settings, invoke, clock, log }: PolledQueueOptions,
  queue: MessageQueue,
  times: Pick<EventSourceMappingOptions, 'visibilityMs' | 'retryMs'> = {},
) {
  let mapping: EventSourceMapping | undefined
  return {
    start: () => {
      mapping = new EventSourceMapping({
        source: new QueueSource({ queue, kind: 'aws:sqs', clock, log }),
        queue: queue.arn,
        batchSize: settings.batch_size,
        windowMs: settings.batch_window,
        concurrency: settings.concurrency,
        reportsFailures: settings.report_batch_item_failures,
        ...times,
        invoke: async (event) => {
          const ended = await invoke(event)
          return ended.kind === 'error' && ended.type === stoppedType ? { kind: 'unrun' } : ended
        },
        clock,
        log,
      })
    },
    stop: async () => {
      await mapping?.stop()
    },
  }
}

/** Request of `rr send`; checked, as any client may call. */
interface SendRequest {
  readonly body: string | undefined
  readonly count: number
  readonly group: string | undefined
  readonly deduplicationId: string | undefined
  readonly delayMs: number | undefined
  readonly queue: string | undefined
}

async function send(
  argument: unknown,
  polled: MessageQueue,
  named: ReadonlyMap<string, MessageQueue>,
): Promise<SentMessages> {
  const request = readRequest(argument)
  const queue = request.queue === undefined ? polled : named.get(request.queue)
  if (queue === undefined) {
    const names = [...named.keys()].join(', ')
    throw new RelayError(ErrorCode.QueueRefused, `there is no queue ${request.queue} here, only ${names}`)
  }
  const ids: string[] = []
  for (let at = 0; at < request.count; at += 1) ids.push(await queue.send(outgoingOf(request, at, queue)))
  return { queue: queue.arn.split(':').at(-1) ?? queue.arn, message_ids: ids }
}

function outgoingOf(request: SendRequest, at: number, queue: MessageQueue): NewMessage {
  const { body = JSON.stringify({ n: at + 1 }), count, group, deduplicationId, delayMs } = request
  // Several messages with one body: on a FIFO queue they would count as one.
  const own = queue.isFifo && count > 1 ? randomUUID() : undefined
  const deduplication = deduplicationId ?? own
  return {
    body,
    ...(group === undefined ? {} : { group }),
    ...(deduplication === undefined ? {} : { deduplicationId: deduplication }),
    ...(delayMs === undefined ? {} : { delayMs }),
  }
}

function readRequest(argument: unknown): SendRequest {
  const given: Readonly<Record<string, unknown>> =
    typeof argument === 'object' && argument !== null ? { ...argument } : {}
  const text = (key: string) => {
    const value = given[key]
    return typeof value === 'string' ? value : undefined
  }
  const { count = 1, delay_ms: delayMs } = given
  if (typeof count !== 'number' || !Number.isInteger(count) || count < 1 || count > countMax)
    throw new RelayError(ErrorCode.QueueRefused, `a count is 1 to ${countMax}, not ${String(count)}`)
  return {
    body: text('body'),
    count,
    group: text('group'),
    deduplicationId: text('deduplication_id'),
    delayMs: typeof delayMs === 'number' ? delayMs : undefined,
    queue: text('queue'),
  }
}
