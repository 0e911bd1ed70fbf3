/**
 * An SQS queue in memory: visibility, receive count, redrive, and for FIFO the group lock and deduplication. Time and ids are
 * given, so that tests own them.
 *
 * Invariant: `#messages` is in the order in which messages were sent; one that is in flight has a receipt that nobody else has.
 */
import { createHash } from 'node:crypto'
import { type Clock, ErrorCode, RelayError, type Timer } from '../../../index.js'
import type { Outgoing, Queue, QueueCounts, Received } from './queue.js'

/** What a queue is made of. */
export interface MemoryQueueOptions {
  /** Ends in `.fifo` for a FIFO queue. */
  readonly name: string
  readonly clock: Clock
  readonly newId: () => string
  readonly visibilityMs: number
  /** Deliveries after which a message goes to `deadLetter`; without one it stays. */
  readonly receiveMax?: number
  readonly deadLetter?: MemoryQueue
  /** Standard queues promise no order: where to take the next message from, in [0, 1). Absent: the oldest first. */
  readonly random?: () => number
  /** Told of every message that was moved to the dead-letter queue. */
  readonly onDead?: (messageId: string) => void
}

interface Message {
  readonly id: string
  readonly outgoing: Outgoing
  readonly sequence: bigint
  readonly sentAtMs: number
  visibleAtMs: number
  receipt: string | undefined
  receiveCount: number
  firstReceivedAtMs: number | undefined
}

/** SQS's limit since January 2026, attributes included. */
export const messageBytesMax = 1024 * 1024
/** SQS's limits of messages in flight. */
const inFlightMax = { fifo: 20_000, standard: 120_000 } as const
const deduplicationMs = 5 * 60_000
const region = 'us-east-1'
const account = '123456789012'
const firstSequence = 18_849_496_460_467_696_000n
// SQS refuses more than this; an emulator that grew without end would only show later.
const messagesMax = 1_000_000

/** A queue of this process. */
export class MemoryQueue implements Queue {
  readonly arn: string
  readonly isFifo: boolean
  readonly #options: MemoryQueueOptions
  #messages: Message[] = []
  readonly #seen = new Map<string, { readonly id: string; readonly untilMs: number }>()
  #sent = 0
  #receipts = 0
  #wakes: (() => void)[] = []

  constructor(options: MemoryQueueOptions) {
    this.#options = options
    this.isFifo = options.name.endsWith('.fifo')
    this.arn = `arn:aws:sqs:${region}:${account}:${options.name}`
  }

  /** Messages that have neither been acknowledged nor moved. */
  get ids(): readonly string[] {
    return this.#messages.map((message) => message.id)
  }

  send(outgoing: Outgoing): Promise<string> {
    const { clock, newId } = this.#options
    const nowMs = clock.nowMs()
    const bytes = Buffer.byteLength(outgoing.body)
    if (bytes === 0 || bytes > messageBytesMax)
      return Promise.reject(refused(`a message has 1 to ${messageBytesMax} bytes, not ${bytes}`))
    if (this.isFifo && outgoing.group === undefined)
      return Promise.reject(refused(`${this.#options.name} is a FIFO queue: a message needs a group`))
    if (this.#messages.length >= messagesMax)
      return Promise.reject(refused(`the queue holds ${messagesMax} messages`))
    const known = this.isFifo ? this.#known(outgoing, nowMs) : undefined
    if (known !== undefined) return Promise.resolve(known)
    const id = newId()
    if (this.isFifo) this.#seen.set(deduplicationId(outgoing), { id, untilMs: nowMs + deduplicationMs })
    this.#messages.push({
      id,
      outgoing,
      sequence: firstSequence + BigInt(this.#sent++),
      sentAtMs: nowMs,
      visibleAtMs: nowMs + (outgoing.delayMs ?? 0),
      receipt: undefined,
      receiveCount: 0,
      firstReceivedAtMs: undefined,
    })
    this.#wake()
    return Promise.resolve(id)
  }

  async receive({
    max,
    waitMs,
    signal,
  }: {
    readonly max: number
    readonly waitMs: number
    readonly signal: AbortSignal
  }) {
    const { clock } = this.#options
    const endMs = clock.nowMs() + waitMs
    for (;;) {
      const taken = this.#take(max)
      if (taken.length > 0 || signal.aborted || clock.nowMs() >= endMs) return taken
      await this.#change(endMs, signal)
    }
  }

  delete(receiptHandle: string): Promise<void> {
    const before = this.#messages.length
    this.#messages = this.#messages.filter(({ receipt }) => receipt !== receiptHandle)
    // Its group may go on.
    if (this.#messages.length < before) this.#wake()
    return Promise.resolve()
  }

  changeVisibility(receiptHandle: string, afterMs: number): Promise<void> {
    const message = this.#messages.find(({ receipt }) => receipt === receiptHandle)
    if (message !== undefined) message.visibleAtMs = this.#options.clock.nowMs() + afterMs
    this.#wake()
    return Promise.resolve()
  }

  counts(): Promise<QueueCounts> {
    const nowMs = this.#options.clock.nowMs()
    const hidden = this.#messages.filter(({ visibleAtMs }) => visibleAtMs > nowMs)
    const inFlight = hidden.filter(({ receiveCount }) => receiveCount > 0).length
    return Promise.resolve({
      visible: this.#messages.length - hidden.length,
      inFlight,
      delayed: hidden.length - inFlight,
    })
  }

  #known(outgoing: Outgoing, nowMs: number): string | undefined {
    for (const [key, { untilMs }] of this.#seen) {
      // In the order of their sending: the first that is still good ends the sweep.
      if (untilMs > nowMs) break
      this.#seen.delete(key)
    }
    return this.#seen.get(deduplicationId(outgoing))?.id
  }

  #take(max: number): readonly Received[] {
    this.#redrive()
    const nowMs = this.#options.clock.nowMs()
    const locked = new Set<string>()
    let inFlight = 0
    for (const { visibleAtMs, receiveCount, outgoing } of this.#messages) {
      if (visibleAtMs <= nowMs) continue
      if (receiveCount > 0) inFlight += 1
      locked.add(outgoing.group ?? '')
    }
    const room = inFlightMax[this.isFifo ? 'fifo' : 'standard'] - inFlight
    const ready = this.#messages.filter(
      ({ visibleAtMs, outgoing }) =>
        visibleAtMs <= nowMs && !(this.isFifo && locked.has(outgoing.group ?? '')),
    )
    const { random } = this.#options
    const taken: Message[] = []
    while (taken.length < Math.min(max, room) && ready.length > 0) {
      const at = this.isFifo || random === undefined ? 0 : Math.floor(random() * ready.length)
      taken.push(...ready.splice(at, 1))
    }
    return taken.map((message) => this.#deliver(message, nowMs))
  }

  /** What has been delivered too often moves on, when it would be delivered once more. */
  #redrive(): void {
    const { receiveMax, deadLetter, clock, onDead } = this.#options
    if (receiveMax === undefined || deadLetter === undefined) return
    const nowMs = clock.nowMs()
    const isDead = (one: Message) => one.visibleAtMs <= nowMs && one.receiveCount >= receiveMax
    const dead = this.#messages.filter(isDead)
    if (dead.length === 0) return
    this.#messages = this.#messages.filter((one) => !dead.includes(one))
    for (const message of dead) {
      deadLetter.#adopt(message)
      onDead?.(message.id)
    }
  }

  #adopt(message: Message): void {
    this.#messages.push({
      ...message,
      visibleAtMs: 0,
      receipt: undefined,
      receiveCount: 0,
      firstReceivedAtMs: undefined,
    })
    this.#wake()
  }

  #deliver(message: Message, nowMs: number): Received {
    message.receiveCount += 1
    message.firstReceivedAtMs ??= nowMs
    message.visibleAtMs = nowMs + this.#options.visibilityMs
    const receiptHandle = `receipt-${++this.#receipts}`
    message.receipt = receiptHandle
    const { id, outgoing, receiveCount, sentAtMs, firstReceivedAtMs, sequence } = message
    const { body, group, messageAttributes = {} } = outgoing
    return {
      messageId: id,
      receiptHandle,
      body,
      md5OfBody: createHash('md5').update(body).digest('hex'),
      messageAttributes,
      attributes: {
        ApproximateReceiveCount: String(receiveCount),
        SentTimestamp: String(Math.round(sentAtMs)),
        SenderId: 'AIDAEMULATED',
        ApproximateFirstReceiveTimestamp: String(Math.round(firstReceivedAtMs)),
        ...(group === undefined ? {} : { MessageGroupId: group }),
        ...(this.isFifo
          ? { SequenceNumber: String(sequence), MessageDeduplicationId: deduplicationId(outgoing) }
          : {}),
      },
    }
  }

  /** Resolves at the next change: a message, a deletion, or a message's time. */
  #change(endMs: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options
    const nowMs = clock.nowMs()
    return new Promise((resolve) => {
      const next = Math.min(
        endMs,
        ...this.#messages.map(({ visibleAtMs }) => visibleAtMs).filter((at) => at > nowMs),
      )
      let timer: Timer | undefined
      const done = () => {
        timer?.clear()
        signal.removeEventListener('abort', done)
        this.#wakes = this.#wakes.filter((one) => one !== done)
        resolve()
      }
      this.#wakes.push(done)
      signal.addEventListener('abort', done, { once: true })
      if (Number.isFinite(next)) timer = clock.timer(next - nowMs, done)
    })
  }

  #wake(): void {
    for (const wake of this.#wakes.splice(0)) wake()
  }
}

function deduplicationId({ deduplicationId: given, body }: Outgoing): string {
  return given ?? createHash('sha256').update(body).digest('hex')
}

function refused(what: string): RelayError {
  return new RelayError(ErrorCode.QueueRefused, what)
}
