/** The port of a source over a queue whose messages are hidden while they are worked on: the one that drivers and the emulator use. */
import { type Clock, type Logger, messageOf } from '../../index.js'
import type { DriverGuarantees } from '../guarantees.js'
import type { Delivery, NewJob, SettledDelivery, Source, SourceCounts } from '../source.js'
import { LostMessage } from './lost-message.js'
import { deliveryOf, messageOfJob, receiptOf } from './message.js'
import type { ItemFaults, MessageQueue, QueueProperties } from './message-queue.js'
import { sqsFifoGuarantees, sqsGuarantees } from './sqs/guarantees.js'

/** Options of a source. */
export interface QueueSourceOptions {
  readonly queue: MessageQueue
  /** `aws:sqs`, or the name of a driver. */
  readonly kind: string
  readonly clock: Clock
  readonly log: Logger
  /** Name of the pipeline, for messages that are pushed. */
  readonly pipeline?: string
  /** Ms that a delivery stays hidden; absent: the queue's own. */
  readonly visibilityMs?: number | undefined
  /**
   * Ms until a failed message is delivered again when its worker named no wait; absent: when its visibility timeout ends.
   */
  readonly retryMs?: number | undefined
  /** Priority of messages that have none; absent: 10. */
  readonly priority?: number
  /** Group of new jobs without a lane on a FIFO queue; absent: each is a group of its own. */
  readonly group?: string | undefined
  /** Messages of one receive at most; absent: 10, SQS's limit. */
  readonly receiveMax?: number
  /** Ms that a pull waits unless it is told another time; absent: 20 s, SQS's limit. */
  readonly waitMs?: number
}

/** Times for which a parked message is hidden, the longest first: SQS allows 12 h from its receipt, and the job took some of them. */
const parkMs = [11 * 3_600_000, 3_600_000] as const

/** SQS's limits of a receive. */
const receiveMessagesMax = 10
const waitMsMax = 20_000
const priorityDefault = 10
/** Ms that a message stays hidden where the queue does not say; SQS's default. */
const visibilityMsDefault = 30_000

/** A source of one queue. */
export class QueueSource implements Source {
  readonly guarantees: DriverGuarantees
  readonly #options: QueueSourceOptions
  #properties: QueueProperties | undefined
  /** Why the properties could not be read the last time. */
  #unread: unknown
  #isWarned = false

  constructor(options: QueueSourceOptions) {
    this.#options = options
    const { queue, retryMs } = options
    const guarantees = queue.isFifo ? sqsFifoGuarantees : sqsGuarantees
    // A retry that comes at once is a default, not a setting.
    this.guarantees = retryMs ? { ...guarantees, retryMs } : guarantees
  }

  async pull(want: number, signal: AbortSignal, waitMs = this.#options.waitMs ?? waitMsMax) {
    const { queue, kind, clock, visibilityMs, priority = priorityDefault } = this.#options
    const { receiveMax = receiveMessagesMax } = this.#options
    const knownMs = visibilityMs ?? (await this.#knownVisibilityMs())
    const hiddenMs = knownMs ?? visibilityMsDefault
    const messages = await queue.receive({
      max: Math.min(want, receiveMax),
      waitMs: Math.min(waitMs, waitMsMax),
      // Told where it is assumed: a delivery has to be extended before it expires.
      visibilityMs: knownMs === undefined ? hiddenMs : visibilityMs,
      signal,
    })
    // Only now: where a receive fails, too, the queue cannot be reached, and that is told by the caller.
    if (knownMs === undefined) this.#warnOfUnknown(hiddenMs)
    const facts = { kind, arn: queue.arn, isFifo: queue.isFifo, priority }
    const expiresAtMs = clock.nowMs() + hiddenMs
    return messages.map((message) => deliveryOf(message, facts, expiresAtMs))
  }

  /**
   * Deletes messages that are done, and those that failed for good unless the queue will move them to its dead-letter queue.
   */
  async settle(items: readonly SettledDelivery[]): Promise<ItemFaults> {
    const { queue, retryMs } = this.#options
    const isFailed = items.some(({ verdict }) => verdict.kind === 'fail')
    const keepsFailed = isFailed && (await this.#known())?.hasDeadLetters !== false
    const faults = new Map<SettledDelivery, Error | undefined>()
    const keep = (list: readonly SettledDelivery[], found: ItemFaults) => {
      for (const [at, item] of list.entries()) faults.set(item, found[at])
    }
    const isOver = ({ verdict: { kind } }: SettledDelivery) =>
      kind === 'done' || (kind === 'fail' && !keepsFailed)
    const over = items.filter(isOver)
    if (over.length > 0) keep(over, await queue.delete(over.map(({ delivery }) => receiptOf(delivery))))
    const again = items.filter((item) => !isOver(item)).flatMap((item) => laterOf(item, retryMs))
    if (again.length > 0)
      keep(
        again.map(({ item }) => item),
        await queue.changeVisibility(again),
      )
    return items.map((item) => faults.get(item))
  }

  /** Rejects when a message was not extended and is not lost either, so that the caller tries again. */
  async extend(deliveries: readonly Delivery[], byMs: number): Promise<ItemFaults> {
    const faults = await this.#hide(deliveries, byMs)
    const fault = faults.find((one) => one !== undefined && !(one instanceof LostMessage))
    if (fault !== undefined) throw fault
    return faults
  }

  #hide(deliveries: readonly Delivery[], byMs: number): Promise<ItemFaults> {
    return this.#options.queue.changeVisibility(
      deliveries.map((delivery) => ({ receiptHandle: receiptOf(delivery), afterMs: byMs })),
    )
  }

  /** Rejects when the queue cannot be reached: the messages are delivered again when their visibility timeout ends. */
  async release(deliveries: readonly Delivery[]): Promise<void> {
    // The last first: on a FIFO queue no message may become visible while one before it is hidden.
    const changes = deliveries.toReversed().map((delivery) => {
      return { receiptHandle: receiptOf(delivery), afterMs: 0 }
    })
    const faults = await this.#options.queue.changeVisibility(changes)
    const fault = faults.find((one) => one !== undefined && !(one instanceof LostMessage))
    if (fault !== undefined) throw fault
  }

  /** In their order, where the queue keeps one. */
  async push(jobs: readonly NewJob[]): Promise<void> {
    const { queue, pipeline = '', group } = this.#options
    const facts = { pipeline, group, isFifo: queue.isFifo }
    const sent = await Promise.allSettled(jobs.map((job) => queue.send(messageOfJob(job, facts))))
    for (const one of sent) if (one.status === 'rejected') throw one.reason
  }

  /** True also while the queue cannot be asked: what may be kept is not deleted. */
  async keepsFailed(): Promise<boolean> {
    return (await this.#known())?.hasDeadLetters !== false
  }

  async park(deliveries: readonly Delivery[]): Promise<ItemFaults> {
    const hiddenMs = this.#options.visibilityMs ?? (await this.#knownVisibilityMs())
    if (hiddenMs === Number.POSITIVE_INFINITY) return deliveries.map(() => undefined)
    let left = [...deliveries]
    const faults = new Map<Delivery, Error | undefined>()
    for (const byMs of parkMs) {
      const found = await this.#hide(left, byMs)
      for (const [at, delivery] of left.entries()) faults.set(delivery, found[at])
      left = left.filter((_, at) => found[at] !== undefined)
      if (left.length === 0) break
    }
    return deliveries.map((delivery) => faults.get(delivery))
  }

  async counts(): Promise<SourceCounts> {
    const { visible, delayed, inFlight } = await this.#options.queue.counts()
    return { active: visible, delayed, reserved: inFlight }
  }

  /** Undefined for SQS, too, whose queues do not say. */
  oldestMs(): number | undefined {
    return this.#options.queue.oldestMs?.()
  }

  async close(): Promise<void> {
    this.#options.queue.close()
  }

  /** Returns the queue's properties; undefined when they cannot be read, e.g. without the permission for it. */
  async #known(): Promise<QueueProperties | undefined> {
    this.#properties ??= await this.#options.queue.properties().catch((error: unknown) => {
      this.#unread = error
      return undefined
    })
    return this.#properties
  }

  /** Returns the queue's own visibility timeout; undefined when it cannot be read, or is not among what the queue says. */
  async #knownVisibilityMs(): Promise<number | undefined> {
    const visibilityMs = (await this.#known())?.visibilityMs
    return Number.isNaN(visibilityMs) ? undefined : visibilityMs
  }

  #warnOfUnknown(visibilityMs: number): void {
    if (this.#isWarned) return
    this.#isWarned = true
    const { queue, log } = this.#options
    const error = this.#unread === undefined ? 'the queue does not name it' : messageOf(this.#unread)
    log.warn(
      { queue: queue.arn, visibilityMs, error },
      'the visibility timeout of a queue cannot be read: its messages are hidden for 30 s and extended; allow sqs:GetQueueAttributes',
    )
  }
}

/**
 * Returns the visibility change for an item that is to be retried; undefined: it is delivered again when its visibility
 * timeout ends.
 */
function laterOf(item: SettledDelivery, retryMs: number | undefined) {
  const { delivery, verdict } = item
  const afterMs = (verdict.kind === 'retry' ? verdict.afterMs : undefined) ?? retryMs
  return afterMs === undefined ? [] : [{ item, receiptHandle: receiptOf(delivery), afterMs }]
}
