/** Messages of one session that have come and wait to be pulled, and what becomes of them on its channel. */
import type { ConsumeMessage } from 'amqplib'
import { type Clock, onAbort } from '../../index.js'
import { OpenTags } from './joined-acks.js'
import type { AmqpSession } from './session.js'
import { Subscriptions } from './subscriptions.js'

/** Options of an inbox. */
export interface InboxOptions {
  readonly session: AmqpSession
  readonly queue: string
  /** Tag of the consumer. */
  readonly tag: string
  readonly nowMs: () => number
}

/** Options of a pull. */
export interface InboxTake {
  readonly want: number
  /** Messages in hand at most. */
  readonly max: number
  readonly signal: AbortSignal
  readonly waitMs: number
  readonly clock: Clock
}

/** An inbox. */
export class Inbox {
  readonly #session: AmqpSession
  readonly #subscriptions: Subscriptions
  readonly #tags = new OpenTags()
  #waiting: ConsumeMessage[] = []
  #isStopped = true
  #wake: (() => void) | undefined

  constructor({ session, queue, tag, nowMs }: InboxOptions) {
    this.#session = session
    this.#subscriptions = new Subscriptions({
      channel: session.deliveries,
      queue,
      tag,
      nowMs,
      onMessage: (message) => this.#add(message),
      onFault: (error) => session.end(error),
    })
  }

  /** Messages that nobody has pulled yet. */
  get waitingCount(): number {
    return this.#waiting.length
  }

  /** Consumers of ours. */
  get consumerCount(): number {
    return this.#subscriptions.count
  }

  /** Resolves with up to `want` messages as soon as there is one; none with `signal` or after `waitMs`. Rejects when the session ends. */
  async take({ want, max, signal, waitMs, clock }: InboxTake): Promise<readonly ConsumeMessage[]> {
    this.#isStopped = false
    this.#subscriptions.adjust(want, this.#waiting.length, max)
    if (this.#waiting.length === 0) await this.#arrival(signal, waitMs, clock)
    const { fault } = this.#session
    if (fault !== undefined) throw fault
    return signal.aborted ? [] : this.#waiting.splice(0, want)
  }

  /** Takes no more, and gives back what waits. */
  stop(): void {
    this.#isStopped = true
    this.#subscriptions.cancel()
    this.reject(this.#waiting.splice(0), true)
    this.#wake?.()
  }

  /** Acknowledges messages, in one call where none before them is still open. */
  acknowledge(messages: readonly ConsumeMessage[]): void {
    const { upTo, single } = this.#tags.join(messages.map(({ fields }) => fields.deliveryTag))
    for (const message of messages) this.#subscriptions.settled(message)
    const { deliveries } = this.#session
    const byTag = (tag: number) => messages.find(({ fields }) => fields.deliveryTag === tag)
    const last = upTo === undefined ? undefined : byTag(upTo)
    if (last !== undefined) deliveries.ack(last, true)
    for (const tag of single) {
      const message = byTag(tag)
      if (message !== undefined) deliveries.ack(message)
    }
  }

  /** Rejects messages: they come again at their place, or are moved or dropped by the queue's policy. */
  reject(messages: readonly ConsumeMessage[], requeue: boolean): void {
    for (const message of messages) {
      this.#tags.delete(message.fields.deliveryTag)
      this.#subscriptions.settled(message)
      if (this.#session.fault === undefined) this.#session.deliveries.nack(message, false, requeue)
    }
  }

  #add(message: ConsumeMessage): void {
    this.#tags.add(message.fields.deliveryTag)
    this.#subscriptions.delivered(message)
    if (this.#isStopped) {
      this.reject([message], true)
      return
    }
    this.#waiting.push(message)
    this.#wake?.()
  }

  /** Resolves with the first message, `signal`, the end of the session, or after `waitMs`. */
  async #arrival(signal: AbortSignal, waitMs: number, clock: Clock): Promise<void> {
    let stop = () => {}
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      const timer = clock.timer(waitMs, resolve)
      const unabort = onAbort(signal, resolve)
      const unlose = this.#session.onLost(() => resolve())
      stop = () => {
        timer.clear()
        unabort()
        unlose()
      }
    })
    stop()
    this.#wake = undefined
  }
}
