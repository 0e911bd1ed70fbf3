/**
 * Consumers of one queue on one channel, whose prefetches add up to what may be in hand: RabbitMQ never sends more. A consumer's prefetch
 * cannot be changed, so that more is one more consumer, and less is one that is cancelled.
 */
import type { Channel, ConsumeMessage } from 'amqplib'

/** Options of the subscriptions. */
export interface SubscriptionOptions {
  readonly channel: Channel
  readonly queue: string
  /** Tag of the first consumer; further ones have a number behind it. */
  readonly tag: string
  readonly onMessage: (message: ConsumeMessage) => void
  /** The queue was deleted, or a call was refused. */
  readonly onFault: (error: unknown) => void
  readonly nowMs: () => number
}

interface Consumer {
  readonly tag: string
  readonly prefetch: number
}

/** Consumers beyond which all are replaced by one. */
const consumersMax = 4
/** Ms after which what is not wanted any more is given up: jobs come in waves. */
const surplusMsMax = 5000

/** The subscriptions. */
export class Subscriptions {
  readonly #options: SubscriptionOptions
  readonly #consumers: Consumer[] = []
  /** Unacknowledged messages by the tag of their consumer. */
  readonly #open = new Map<string, number>()
  #made = 0
  #surplusSinceMs: number | undefined

  constructor(options: SubscriptionOptions) {
    this.#options = options
  }

  /** Number of consumers. */
  get count(): number {
    return this.#consumers.length
  }

  /** A message has come. */
  delivered({ fields: { consumerTag } }: ConsumeMessage): void {
    this.#open.set(consumerTag, (this.#open.get(consumerTag) ?? 0) + 1)
  }

  /** A message was acknowledged, rejected or given back. */
  settled({ fields: { consumerTag } }: ConsumeMessage): void {
    const left = (this.#open.get(consumerTag) ?? 0) - 1
    if (left > 0) this.#open.set(consumerTag, left)
    else this.#open.delete(consumerTag)
  }

  /** Lets `want` messages come beyond those in hand, of which `waiting` have not been handed on; no more than `max` in all. */
  adjust(want: number, waiting: number, max: number): void {
    let open = 0
    for (const count of this.#open.values()) open += count
    const more = Math.min(want, max - (open - waiting))
    if (more <= 0) return
    let held = 0
    let credit = 0
    for (const { tag, prefetch } of this.#consumers) {
      held += this.#open.get(tag) ?? 0
      credit += prefetch
    }
    const needed = Math.max(0, held - waiting) + more
    if (needed <= credit) this.#shrink(credit - needed)
    else if (this.#consumers.length < consumersMax) this.#add(needed - credit)
    else {
      // What those have sent no longer counts.
      this.cancel()
      this.#add(more)
    }
  }

  /** Cancels all: what is on its way still comes. */
  cancel(): void {
    for (const consumer of this.#consumers.splice(0)) this.#cancelOne(consumer)
    this.#surplusSinceMs = undefined
  }

  #shrink(surplus: number): void {
    const { nowMs } = this.#options
    const last = this.#consumers.at(-1)
    if (last === undefined || this.#consumers.length === 1 || last.prefetch > surplus) {
      this.#surplusSinceMs = undefined
      return
    }
    this.#surplusSinceMs ??= nowMs()
    if (nowMs() - this.#surplusSinceMs < surplusMsMax) return
    this.#surplusSinceMs = undefined
    this.#consumers.pop()
    this.#cancelOne(last)
  }

  #add(prefetch: number): void {
    const { channel, queue, tag: first, onMessage, onFault } = this.#options
    const tag = this.#made === 0 ? first : `${first}-${this.#made}`
    this.#made += 1
    this.#consumers.push({ tag, prefetch })
    this.#surplusSinceMs = undefined
    const take = (message: ConsumeMessage | null) => {
      if (message === null) onFault(new Error('the queue was deleted, or its node has gone'))
      else onMessage(message)
    }
    // Calls of a channel are answered in their order: the prefetch is that of the consumer behind it.
    channel.prefetch(prefetch).catch(onFault)
    channel.consume(queue, take, { consumerTag: tag }).catch(onFault)
  }

  #cancelOne({ tag }: Consumer): void {
    const { channel, onFault } = this.#options
    channel.cancel(tag).catch(onFault)
  }
}
