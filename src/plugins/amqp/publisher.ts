/**
 * Publishes on one session, and resolves when RabbitMQ has confirmed. A delay is a queue of its own for each length, whose messages
 * expire into the exchange or the queue, as in RoadRunner: none waits behind a longer one.
 */
import type { ConfirmChannel, Message } from 'amqplib'
import { notTaken } from './faults.js'
import type { Publishable } from './message.js'

/** Options of a publisher. */
export interface RmqPublisherOptions {
  readonly channel: ConfirmChannel
  readonly exchange: string
  readonly routingKey: string
  /** Name of the queue; empty: there is none. */
  readonly queue: string
  /** The exchange holds delayed messages itself: RabbitMQ's plugin does. */
  readonly delaysInExchange: boolean
  readonly nowMs: () => number
}

/** Longest delay: twice of it, the life of an unused queue, must fit in 32 bits. */
const delayMsMax = 2_147_483_647
/** Share of a delay within which its queue is not declared again: it lives for two delays. */
const declaredShare = 0.5

/** A publisher. */
export class RmqPublisher {
  readonly #options: RmqPublisherOptions
  /** Time of the last declaration of a delay's queue. */
  readonly #declaredMs = new Map<string, number>()
  /** Ids of messages that no queue took. */
  readonly #returned = new Set<string>()

  constructor(options: RmqPublisherOptions) {
    this.#options = options
    options.channel.on('return', ({ properties: { messageId } }: Message) => {
      if (typeof messageId === 'string') this.#returned.add(messageId)
    })
  }

  /** Publishes a new message to the exchange. */
  async toExchange(message: Publishable, delayMs: number, key = this.#options.routingKey): Promise<void> {
    const { exchange, delaysInExchange, queue, routingKey } = this.#options
    if (delayMs <= 0) return this.#publish(exchange, key, message)
    const ms = wholeDelay(delayMs)
    if (delaysInExchange) {
      const headers = { ...Object(message.options.headers), 'x-delay': ms }
      // The plugin routes when the time has come: until then no queue takes it.
      const options = { ...message.options, headers, mandatory: false }
      return this.#publish(exchange, key, { ...message, options })
    }
    // RoadRunner's name and arguments: both may share it.
    const name = `delayed-${ms}.${exchange}.${queue === '' ? routingKey : queue}`
    await this.#delayed(name, ms, exchange, key, message)
  }

  /** Publishes a message straight to the queue: other queues of the exchange do not see it. */
  async toQueue(message: Publishable, delayMs: number): Promise<void> {
    const { queue } = this.#options
    if (delayMs <= 0) return this.#publish('', queue, message)
    const ms = roundedDelay(wholeDelay(delayMs))
    await this.#delayed(`rr.delayed-${ms}.${queue}`, ms, '', queue, message)
  }

  /** Publishes a message into a durable queue of this name, which is made first. */
  async toNamed(name: string, message: Publishable): Promise<void> {
    await this.#options.channel.assertQueue(name, { durable: true })
    await this.#publish('', name, message)
  }

  async #delayed(
    name: string,
    ms: number,
    exchange: string,
    key: string,
    message: Publishable,
  ): Promise<void> {
    const { channel, nowMs } = this.#options
    const declaredMs = this.#declaredMs.get(name)
    if (declaredMs === undefined || nowMs() - declaredMs > ms * declaredShare) {
      this.#declaredMs.set(name, nowMs())
      await channel.assertQueue(name, {
        durable: true,
        arguments: {
          'x-dead-letter-exchange': exchange,
          'x-dead-letter-routing-key': key,
          'x-message-ttl': ms,
          'x-expires': ms * 2,
        },
      })
      this.#forgetExpired()
    }
    await this.#publish('', name, message)
  }

  #forgetExpired(): void {
    if (this.#declaredMs.size < 1000) return
    const oldest = [...this.#declaredMs.keys()].slice(0, 500)
    for (const name of oldest) this.#declaredMs.delete(name)
  }

  #publish(exchange: string, key: string, { content, options }: Publishable): Promise<void> {
    const { channel } = this.#options
    const { messageId = '' } = options
    return new Promise((resolve, reject) => {
      channel.publish(exchange, key, content, options, (error: unknown) => {
        const isReturned = this.#returned.delete(messageId)
        if (error !== null && error !== undefined) reject(refusal(error, exchange, key))
        else if (isReturned) reject(unroutable(exchange, key))
        else resolve()
      })
    })
  }
}

function refusal(error: unknown, exchange: string, key: string): unknown {
  if (!(error instanceof Error) || error.message !== 'message nacked') return error
  const what = `RabbitMQ did not take a message for the key "${key}" of the exchange "${exchange}"`
  return notTaken(
    what,
    'Its queue may be full (`x-max-length` with `x-overflow: reject-publish`), or not be there.',
  )
}

function unroutable(exchange: string, key: string): Error {
  const what = `the exchange "${exchange}" has no queue for the key "${key}"`
  return notTaken(what, 'Bind a queue to it, or give the pipeline a `queue`.')
}

function wholeDelay(delayMs: number): number {
  const ms = Math.ceil(delayMs)
  if (ms <= delayMsMax) return ms
  throw notTaken(`a delay of ${ms} ms is more than RabbitMQ’s queues hold`, `Use at most ${delayMsMax} ms.`)
}

/** Waits of chance are rounded up to two digits: else each would have a queue of its own. */
function roundedDelay(ms: number): number {
  const step = 10 ** Math.max(0, Math.floor(Math.log10(ms)) - 1)
  return Math.max(minimumMs, Math.ceil(ms / step) * step)
}

/** The queue of a shorter delay could be gone before a message is in it. */
const minimumMs = 50
