/**
 * Handles a record for which a retry is useless (`lambda.failed`): left to the queue, written into the log, or sent to a queue of
 * its own, or shown to a worker, and acknowledged only once the log, that queue or the worker has taken it.
 */
import { type Logger, messageOf } from '../../../index.js'
import type { LastWord } from '../../../work/last-word.js'
import { FaultKind } from '../../../work/verdict.js'
import type { RecordVerdict } from '../answer/answer.js'
import { toLambdaError } from '../errors.js'
import type { EventTags } from '../modes/mode.js'
import type { ContextMaker } from '../plan/context.js'
import type { RecordPlan } from '../plan/record.js'
import { type GivenUpPolicy, givenUpLine } from './report.js'

/** A message for the queue of records that were given up. */
interface GivenUpMessage {
  readonly body: string
  /** Attributes as texts, at most 10, which is SQS's limit. */
  readonly attributes: Readonly<Record<string, string>>
  /** Message group, for a FIFO queue. */
  readonly group?: string
  readonly deduplicationId?: string
}

/** Sends one message; rejects when the queue has not taken it. */
export type SendGivenUp = (message: GivenUpMessage, signal: AbortSignal) => Promise<void>

/** A record with its verdict, and what settling needs to know of the event. */
export interface SettledRecord {
  readonly verdict: RecordVerdict
  readonly record: RecordPlan
  readonly job: string
  readonly tags: EventTags
  readonly invocation: EventOf
  readonly contexts: ContextMaker
  /** Wall-clock ms at which the event is answered whatever is finished. */
  readonly endMs: number | undefined
}

interface EventOf {
  readonly requestId: string
  readonly functionArn: string | undefined
}

// A working log writes a line at once; a slow disk or reader gets this long.
const writeMsMax = 2000
// Of a log that has not taken the last one: a batch of them must not hold its workers this long each.
const stuckWriteMsMax = 50
// Between the end of the record's time and Lambda's: the send itself takes some 20 ms within a region.
const sendMsMax = 5000
// SQS takes 1 MiB a message, the names, types and values of its attributes included.
const messageBytesMax = 1024 * 1024
const reasonCharactersMax = 2000

/** Handles the records that were given up, as `lambda.failed` says. */
export class GivenUp {
  readonly policy: GivenUpPolicy
  readonly #send: SendGivenUp | undefined
  readonly #lastWord: LastWord | undefined
  /** Deliveries after which the queue's own policy takes a record away; 0: not known. */
  readonly #receivesMax: number
  readonly #log: Logger
  readonly #nowMs: () => number
  /** True when the log did not take the last record. */
  #isLogStuck = false

  constructor(options: {
    readonly policy: GivenUpPolicy
    readonly send?: SendGivenUp
    /** For the policy `worker`. */
    readonly lastWord?: LastWord
    readonly receivesMax?: number
    readonly log: Logger
    readonly nowMs: () => number
  }) {
    this.policy = options.policy
    this.#send = options.send
    this.#lastWord = options.lastWord
    this.#receivesMax = options.receivesMax ?? 0
    this.#log = options.log
    this.#nowMs = options.nowMs
  }

  /**
   * True when the source must deliver the record again: it failed, or it was given up and neither the log nor a queue has
   * taken it.
   */
  isFailed(verdict: RecordVerdict): boolean {
    if (verdict.kind === 'done') return false
    if (verdict.kind === 'retry') return true
    return this.policy === 'redrive' || verdict.isKept !== true
  }

  /** Returns the verdict on a record that failed at what is known to be its last delivery: no worker would hear of it again. */
  lastVerdict(verdict: RecordVerdict, attempt: number | null): RecordVerdict {
    if (this.policy !== 'worker' || this.#receivesMax === 0 || verdict.kind !== 'retry') return verdict
    const isLast = attempt !== null && attempt >= this.#receivesMax && verdict.why.kind !== FaultKind.stopped
    return isLast ? { kind: 'fail', why: verdict.why } : verdict
  }

  /** Writes or sends a record that was given up; any other verdict is returned as it is. Never rejects. */
  async settle(settled: SettledRecord): Promise<RecordVerdict> {
    const { verdict } = settled
    if (verdict.kind !== 'fail' || this.policy === 'redrive') return verdict
    if (this.policy === 'worker') return this.#tellWorker(settled, verdict)
    const isKept = this.policy === 'log' ? await this.#writeDown(settled) : await this.#sendOn(settled)
    return isKept ? { ...verdict, isKept } : verdict
  }

  /** Writes the record into the log. The line may be the only copy, so it counts only once it was written. */
  async #writeDown(settled: SettledRecord): Promise<boolean> {
    const { fields, message } = givenUpLine(settled)
    const limitMs = this.#isLogStuck ? stuckWriteMsMax : writeMsMax
    const isWritten = await this.#log.writeError(fields, message, this.#leftMs(settled, limitMs))
    this.#isLogStuck = !isWritten
    return isWritten
  }

  /** A worker that gave the record up itself knows of it: its verdict stands. */
  async #tellWorker(settled: SettledRecord, verdict: RecordVerdict): Promise<RecordVerdict> {
    if (verdict.kind !== 'fail' || verdict.why.kind === FaultKind.failed || this.#lastWord === undefined)
      return verdict
    const { record, contexts, job, tags, endMs } = settled
    const isKept = await this.#lastWord.show({
      name: record.name,
      context: contexts.ofGivenUp(record, verdict.why.message),
      body: record.body,
      job,
      tags,
      deadlineMs: endMs,
    })
    return isKept ? { ...verdict, isKept } : verdict
  }

  async #sendOn(settled: SettledRecord): Promise<boolean> {
    const { verdict, record, invocation } = settled
    if (verdict.kind === 'done' || this.#send === undefined) return false
    const message = messageFor(record, toLambdaError(verdict.why), invocation)
    try {
      if (message === undefined) throw new Error(tooLarge)
      await this.#send(message, AbortSignal.timeout(this.#leftMs(settled, sendMsMax)))
      return true
    } catch (error) {
      this.#log.error(
        { requestId: invocation.requestId, error: messageOf(error) },
        'a send to `lambda.failed` failed',
      )
      return false
    }
  }

  #leftMs({ endMs }: SettledRecord, limitMs: number): number {
    return endMs === undefined ? limitMs : Math.max(1, Math.min(limitMs, Math.floor(endMs - this.#nowMs())))
  }
}

const tooLarge = `the record is larger than the ${messageBytesMax} bytes that SQS takes`

/** The message for a record, with as much about it as there is room for; undefined when the body alone is too much. */
function messageFor(
  record: RecordPlan,
  error: { readonly errorType: string; readonly errorMessage: string },
  event: EventOf,
): GivenUpMessage | undefined {
  const message = fullMessage(record, error, event)
  // The body matters most; of its attributes the least needed are dropped first.
  const attributes = Object.entries(message.attributes)
  while (bytesOf(message.body, attributes) > messageBytesMax)
    if (attributes.pop() === undefined) return undefined
  return { ...message, attributes: Object.fromEntries(attributes) }
}

function bytesOf(body: string, attributes: readonly (readonly [string, string])[]): number {
  const one = ([name, value]: readonly [string, string]) =>
    name.length + 'String'.length + Buffer.byteLength(value)
  return Buffer.byteLength(body) + attributes.reduce((sum, attribute) => sum + one(attribute), 0)
}

// SQS refuses a message with any other character: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
const refused = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu

function fullMessage(
  { body, rest, identifier, identifierText, name }: RecordPlan,
  error: { readonly errorType: string; readonly errorMessage: string },
  { requestId, functionArn }: EventOf,
): GivenUpMessage {
  const attributes = 'attributes' in rest && typeof rest.attributes === 'object' ? rest.attributes : {}
  const group =
    attributes !== null && 'MessageGroupId' in attributes ? String(attributes.MessageGroupId) : 'failed'
  const source = 'eventSourceARN' in rest ? String(rest.eventSourceARN) : ''
  const isText = typeof body === 'string' && body.search(refused) < 0
  const text = isText ? body : Buffer.from(body).toString('base64')
  return {
    body: text,
    group,
    deduplicationId: name.replace(/[^A-Za-z0-9_.:/-]/g, '-').slice(-128),
    attributes: {
      // In the order in which they are needed: without the first a body of bytes cannot be read.
      ...(isText ? {} : { Encoding: 'base64' }),
      ErrorType: error.errorType,
      RecordId: typeof identifier === 'string' ? identifier : (identifierText ?? JSON.stringify(identifier)),
      RequestId: requestId,
      ...(source === '' ? {} : { SourceArn: source }),
      ...(functionArn === undefined ? {} : { FunctionArn: functionArn }),
      // It may hold a worker's last lines, with their escape sequences.
      ErrorMessage: error.errorMessage.slice(0, reasonCharactersMax).replace(refused, '?') || 'unknown',
    },
  }
}
