/**
 * An SQS queue in memory: visibility, receive count, redrive, and for FIFO the group lock and deduplication. Time and ids
 * are given, so that tests own them. Not implemented: retention (a message stays until it is deleted), and short polls that
 * see only a part of the messages.
 *
 * Invariant: `#messages` is in the order in which messages were sent, and each is in `#order`; a receipt stands for the last
 * delivery of its message.
 */
import { createHash } from 'node:crypto'
import { type Clock, ErrorCode, onAbort, RelayError, type Timer } from '../../../index.js'
import { LostMessage } from '../lost-message.js'
import type {
  ItemFaults,
  MessageQueue,
  NewMessage,
  QueueCounts,
  QueueProperties,
  ReceivedMessage,
  ReceiveOptions,
  VisibilityChange,
} from '../message-queue.js'
import { MessageOrder } from './message-order.js'
import type { QueuedMessage } from './queued-message.js'

/** Options of a queue. */
export interface MemoryQueueOptions {
  /** Ends in `.fifo` for a FIFO queue. */
  readonly name: string
  readonly clock: Clock
  readonly newId: () => string
  /** Ms that a received message stays hidden; infinite: until it is deleted or released. */
  readonly visibilityMs: number
  /** Deliveries after which a message goes to `deadLetter`; without one it stays. */
  readonly receiveMax?: number
  readonly deadLetter?: MemoryQueue
  /** Standard queues promise no order: where to take the next message from, in [0, 1). Absent: the oldest first. */
  readonly random?: () => number
  /** Called for every message that was moved to the dead-letter queue. */
  readonly onDead?: (messageId: string, receiveCount: number) => void
  /** The reason for which a message is refused; undefined: it is taken. Absent: every message is. */
  readonly problemOf?: (message: NewMessage, isFifo: boolean) => string | undefined
  /** Messages in flight at once; SQS's own by default. */
  readonly inFlightMax?: number
}

interface Message {
  readonly id: string
  readonly sent: NewMessage
  readonly sequence: bigint
  readonly group: string
  readonly sentAtMs: number
  readonly deadFrom: string | undefined
  visibleAtMs: number
  receipt: string | undefined
  receiveCount: number
  firstReceivedAtMs: number | undefined
}

/** SQS hands out this many at once. */
const receiveCountMax = 10
const inFlightMaxDefault = 120_000
const deduplicationMs = 5 * 60_000
const arnHead = 'arn:aws:sqs:us-east-1:123456789012'
const firstSequence = 18_849_496_460_467_696_000n
// SQS has no such limit; here it shows early that nothing consumes the queue.
const messagesMax = 1_000_000

/** A queue of this process. */
export class MemoryQueue implements MessageQueue {
  readonly name: string
  readonly arn: string
  readonly isFifo: boolean
  readonly #options: MemoryQueueOptions
  readonly #messages = new Map<string, Message>()
  readonly #order: MessageOrder<Message>
  readonly #byReceipt = new Map<string, Message>()
  readonly #seen = new Map<string, { readonly id: string; readonly untilMs: number }>()
  #sentCount = 0
  #receipts = 0
  #wakes: (() => void)[] = []

  constructor(options: MemoryQueueOptions) {
    this.#options = options
    this.name = options.name
    this.isFifo = options.name.endsWith('.fifo')
    this.#order = new MessageOrder({ locksGroups: this.isFifo, random: options.random })
    this.arn = `${arnHead}:${options.name}`
  }

  /** Messages that have neither been acknowledged nor moved. */
  get ids(): readonly string[] {
    return [...this.#messages.keys()]
  }

  /** The redrive policy by SQS's own names; undefined: messages are delivered for ever. */
  get redrive(): { readonly deadLetterTargetArn: string; readonly maxReceiveCount: number } | undefined {
    const { receiveMax, deadLetter } = this.#options
    if (receiveMax === undefined || deadLetter === undefined) return undefined
    return { deadLetterTargetArn: deadLetter.arn, maxReceiveCount: receiveMax }
  }

  async send(message: NewMessage): Promise<string> {
    const problem = this.#options.problemOf?.(message, this.isFifo)
    if (problem !== undefined) throw refused(`${this.name}: ${problem}`)
    const { clock, newId } = this.#options
    const nowMs = clock.nowMs()
    const known = this.isFifo ? this.#known(message, nowMs) : undefined
    if (known !== undefined) return known
    if (this.#messages.size >= messagesMax) throw refused(`${this.name} holds ${messagesMax} messages`)
    const id = newId()
    if (this.isFifo) this.#seen.set(deduplicationIdOf(message), { id, untilMs: nowMs + deduplicationMs })
    this.#add({
      id,
      sent: message,
      sentAtMs: nowMs,
      deadFrom: undefined,
      visibleAtMs: nowMs + (message.delayMs ?? 0),
    })
    return id
  }

  async receive({ max, waitMs, visibilityMs, signal }: ReceiveOptions): Promise<readonly ReceivedMessage[]> {
    const { clock } = this.#options
    const endMs = clock.nowMs() + waitMs
    while (!signal.aborted) {
      const taken = this.#take(Math.min(max, receiveCountMax), visibilityMs ?? this.#options.visibilityMs)
      if (taken.length > 0 || clock.nowMs() >= endMs) return taken
      await this.#change(endMs, signal)
    }
    return []
  }

  async delete(receiptHandles: readonly string[]): Promise<ItemFaults> {
    const faults = receiptHandles.map((receipt) => this.#delete(receipt))
    // Their groups may go on.
    if (faults.includes(undefined)) this.#wake()
    return faults
  }

  async changeVisibility(changes: readonly VisibilityChange[]): Promise<ItemFaults> {
    const faults = changes.map((change) => this.#changeVisibility(change))
    if (faults.includes(undefined)) this.#wake()
    return faults
  }

  /** True while a receipt stands for a message that is in flight. */
  isInFlight(receiptHandle: string): boolean {
    const message = this.#byReceipt.get(receiptHandle)
    return message !== undefined && message.visibleAtMs > this.#options.clock.nowMs()
  }

  async counts(): Promise<QueueCounts> {
    this.#order.surface(this.#options.clock.nowMs())
    const { inFlight, delayed } = this.#order
    return { visible: this.#messages.size - inFlight - delayed, inFlight, delayed }
  }

  oldestMs(): number | undefined {
    const nowMs = this.#options.clock.nowMs()
    this.#order.surface(nowMs)
    const { first } = this.#order
    return first === undefined ? undefined : Math.max(0, nowMs - first.sentAtMs)
  }

  async properties(): Promise<QueueProperties> {
    return { visibilityMs: this.#options.visibilityMs, hasDeadLetters: this.redrive !== undefined }
  }

  /** Does nothing: it has no connections, and its messages stay. */
  close(): void {}

  /** Describes messages in the order in which they were sent, without receiving them. */
  messages(max: number): readonly QueuedMessage[] {
    const nowMs = this.#options.clock.nowMs()
    return [...this.#messages.values()]
      .slice(0, max)
      .map(({ id, sent, sentAtMs, receiveCount, visibleAtMs }) => ({
        id,
        body: sent.body,
        group: sent.group,
        receiveCount,
        ageMs: Math.max(0, nowMs - sentAtMs),
        visibleInMs: Math.max(0, visibleAtMs - nowMs),
      }))
  }

  /** Sends messages (all, or those named) to `target` as new ones and drops them here. Returns their ids. */
  moveTo(target: MemoryQueue, ids: readonly string[] = this.ids): readonly string[] {
    const moved = ids.flatMap((id) => this.#messages.get(id) ?? [])
    for (const message of moved) {
      const { id, sent, sentAtMs } = message
      this.#forget(message)
      target.#add({ id, sent, sentAtMs, deadFrom: undefined, visibleAtMs: 0 })
    }
    return moved.map(({ id }) => id)
  }

  /** Drops every message, as PurgeQueue does. */
  purge(): void {
    for (const message of this.#messages.values()) this.#order.remove(message)
    this.#messages.clear()
    this.#byReceipt.clear()
  }

  #add(message: Pick<Message, 'id' | 'sent' | 'sentAtMs' | 'deadFrom' | 'visibleAtMs'>): void {
    const sequence = firstSequence + BigInt(this.#sentCount++)
    const added: Message = {
      ...message,
      sequence,
      group: message.sent.group ?? '',
      receipt: undefined,
      receiveCount: 0,
      firstReceivedAtMs: undefined,
    }
    this.#messages.set(message.id, added)
    this.#order.add(added, this.#options.clock.nowMs())
    this.#wake()
  }

  #delete(receipt: string): Error | undefined {
    const message = this.#byReceipt.get(receipt)
    // A FIFO queue refuses an expired receipt, since another consumer may get its message next.
    if (message === undefined || (this.isFifo && !this.isInFlight(receipt))) return stale()
    this.#forget(message)
    return undefined
  }

  #changeVisibility({ receiptHandle, afterMs }: VisibilityChange): Error | undefined {
    const message = this.#byReceipt.get(receiptHandle)
    if (message === undefined || !this.isInFlight(receiptHandle)) return stale()
    const nowMs = this.#options.clock.nowMs()
    this.#order.remove(message)
    message.visibleAtMs = nowMs + afterMs
    this.#order.add(message, nowMs)
    return undefined
  }

  #forget(message: Message): void {
    this.#order.remove(message)
    this.#messages.delete(message.id)
    if (message.receipt !== undefined) this.#byReceipt.delete(message.receipt)
  }

  #known(sent: NewMessage, nowMs: number): string | undefined {
    for (const [key, { untilMs }] of this.#seen) {
      // In the order of their sending: the first that is still good ends the sweep.
      if (untilMs > nowMs) break
      this.#seen.delete(key)
    }
    return this.#seen.get(deduplicationIdOf(sent))?.id
  }

  #take(max: number, visibilityMs: number): readonly ReceivedMessage[] {
    const nowMs = this.#options.clock.nowMs()
    this.#order.surface(nowMs)
    const room = (this.#options.inFlightMax ?? inFlightMaxDefault) - this.#order.inFlight
    const taken: Message[] = []
    while (taken.length < Math.min(max, room)) {
      const message = this.#order.take()
      if (message === undefined) break
      if (!this.#isDead(message)) taken.push(message)
      else this.#redrive(message)
    }
    return taken.map((message) => this.#deliver(message, nowMs, visibilityMs))
  }

  #isDead({ receiveCount }: Message): boolean {
    return this.redrive !== undefined && receiveCount >= this.redrive.maxReceiveCount
  }

  /** Moves a message on that was delivered too often, when it would be delivered once more. */
  #redrive(message: Message): void {
    const { deadLetter, onDead } = this.#options
    const { id, sent, sentAtMs, receiveCount } = message
    this.#forget(message)
    if (deadLetter !== undefined) deadLetter.#add({ id, sent, sentAtMs, deadFrom: this.arn, visibleAtMs: 0 })
    onDead?.(id, receiveCount)
  }

  #deliver(message: Message, nowMs: number, visibilityMs: number): ReceivedMessage {
    if (message.receipt !== undefined) this.#byReceipt.delete(message.receipt)
    message.receiveCount += 1
    message.firstReceivedAtMs ??= nowMs
    message.visibleAtMs = nowMs + visibilityMs
    this.#order.add(message, nowMs)
    const receiptHandle = `${this.name}-receipt-${++this.#receipts}`
    message.receipt = receiptHandle
    this.#byReceipt.set(receiptHandle, message)
    const { body, messageAttributes = {} } = message.sent
    return {
      messageId: message.id,
      receiptHandle,
      body,
      md5OfBody: createHash('md5').update(body).digest('hex'),
      messageAttributes,
      attributes: this.#attributesOf(message),
    }
  }

  #attributesOf({ sent, receiveCount, sentAtMs, firstReceivedAtMs = 0, sequence, deadFrom }: Message) {
    const { group } = sent
    return {
      ApproximateReceiveCount: String(receiveCount),
      SentTimestamp: String(Math.round(sentAtMs)),
      SenderId: 'AIDAEMULATED',
      ApproximateFirstReceiveTimestamp: String(Math.round(firstReceivedAtMs)),
      ...(group === undefined ? {} : { MessageGroupId: group }),
      ...(deadFrom === undefined ? {} : { DeadLetterQueueSourceArn: deadFrom }),
      ...(this.isFifo
        ? { SequenceNumber: String(sequence), MessageDeduplicationId: deduplicationIdOf(sent) }
        : {}),
    }
  }

  /** Resolves at the next change: a message, a deletion, or a message's time. */
  #change(endMs: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options
    const nowMs = clock.nowMs()
    const nextMs = Math.max(nowMs, Math.min(endMs, this.#order.nextVisibleMs ?? endMs))
    return new Promise((resolve) => {
      let timer: Timer | undefined
      const done = () => {
        timer?.clear()
        stopListening()
        this.#wakes = this.#wakes.filter((one) => one !== done)
        resolve()
      }
      const stopListening = onAbort(signal, done)
      this.#wakes.push(done)
      timer = clock.timer(nextMs - nowMs, done)
    })
  }

  #wake(): void {
    for (const wake of this.#wakes.splice(0)) wake()
  }
}

/** Returns the id by which a FIFO queue recognises a duplicate. */
function deduplicationIdOf({ deduplicationId, body }: NewMessage): string {
  return deduplicationId ?? createHash('sha256').update(body).digest('hex')
}

function stale(): LostMessage {
  return new LostMessage('the receipt is stale: the message will be delivered again, or has been already')
}

function refused(what: string): RelayError {
  return new RelayError(ErrorCode.QueueRefused, what)
}
