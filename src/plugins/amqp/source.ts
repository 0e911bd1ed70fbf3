/**
 * The source over one queue of RabbitMQ. A lost session is opened again by the next call; its deliveries come again, so that answers to
 * them are dropped. Nothing expires: a delivery is ours as long as its session lives.
 */

import type { ConsumeMessage } from 'amqplib'
import { type Clock, onAbort, type Timer, type Undo } from '../../index.js'
import type {
  Delivery,
  DriverGuarantees,
  FailedDelivery,
  FailedStore,
  NewJob,
  SettledDelivery,
  Source,
  SourceCounts,
} from '../../work/index.js'
import { KeptLink } from '../../work/queues/kept-link.js'
import { LostMessage } from '../../work/queues/lost-message.js'
import { queueFault } from '../../work/queues/queue-fault.js'
import { failedQueue, failedQueueOf } from './failed-queue.js'
import { amqpFault } from './faults.js'
import { amqpGuarantees } from './guarantees.js'
import { Inbox } from './inbox.js'
import { failedHeaders, rmqCopy, rmqDelivery, rmqMessage, rmqTriedHeaders } from './message.js'
import type { AmqpConfig } from './part.js'
import { RmqPublisher } from './publisher.js'
import { type QueueTraits, traitsOf } from './queue-headers.js'
import type { AmqpSession } from './session.js'
import { routingKeyOf } from './topology.js'

/** Options of a source. */
export interface AmqpSourceOptions {
  readonly pipeline: string
  readonly config: AmqpConfig
  readonly addr: string
  readonly clock: Clock
  readonly newId: () => string
  /** Connects and declares. Rejects with a fault. */
  readonly connect: () => Promise<AmqpSession>
}

/** A session and what works on it. */
interface Link {
  readonly session: AmqpSession
  readonly inbox: Inbox
  readonly publisher: RmqPublisher
}

interface Held {
  readonly link: Link
  readonly message: ConsumeMessage
}

type Faults = (Error | undefined)[]

/** Ms that a pull waits unless it is told another time. */
const waitMsDefault = 20_000

/** Longest wait in hand: RabbitMQ takes a delivery back that is not acknowledged within 30 minutes. A longer one is one of its queues. */
const waitedMsMax = 900_000
/** Deliveries that wait in hand at most: their bodies are in memory. */
const waitsMax = 1000

/** A source. */
export class AmqpSource implements Source {
  readonly failed: FailedStore
  readonly guarantees: DriverGuarantees
  readonly #options: AmqpSourceOptions
  readonly #traits: QueueTraits
  readonly #facts: Parameters<typeof rmqDelivery>[1]
  readonly #tag: string
  /** Deliveries that were handed out and are not settled. */
  readonly #held = new Map<Delivery, Held>()
  /** Deliveries that wait for their next try. */
  readonly #waits = new Map<Delivery, Timer>()
  readonly #link: KeptLink<Link>
  #watched: AbortSignal | undefined
  #unwatch: Undo | undefined

  constructor(options: AmqpSourceOptions) {
    const { config, newId, addr, clock } = options
    const { queue, priority, queue_headers: headers, consumer_id: consumer } = config
    this.#options = options
    this.#link = new KeptLink({
      connect: () => this.#connect(),
      isLost: ({ session }) => session.fault !== undefined,
    })
    this.#traits = traitsOf(headers)
    const { priorityMax, isQuorum } = this.#traits
    this.#facts = { queue, vhost: vhostOf(addr), priority, priorityMax, newId }
    this.#tag = consumer === '' ? `relayrunner-${newId()}` : consumer
    this.guarantees = {
      ...amqpGuarantees,
      // A quorum queue counts what our session gives back.
      attempts: isQuorum ? 'deliveries' : 'tries',
      nacked: config.requeue_on_fail ? 'retried' : 'dropped',
    }
    const aside: AmqpSession['aside'] = async (use) => (await this.#link.get()).session.aside(use)
    const nowMs = () => clock.monotonicMs()
    this.failed = failedQueue({ queue, newId, nowMs, aside, keep: (failed) => this.#keep(failed) })
  }

  /** Rejects with the fault of the connection; connects first where there is none. */
  async open(): Promise<void> {
    await this.#link.get()
  }

  async pull(want: number, signal: AbortSignal, waitMs = waitMsDefault): Promise<readonly Delivery[]> {
    const { config, clock } = this.#options
    if (config.queue === '') throw noQueue(this.#options.pipeline)
    const link = await this.#link.get()
    if (signal.aborted) return []
    this.#watch(signal)
    // What waits for its next try must not hold up the rest.
    const max = (config.prefetch ?? prefetchMax) + this.#waits.size
    const messages = await link.inbox.take({ want, signal, waitMs, clock, max })
    return messages.map((message) => {
      const delivery = rmqDelivery(message, this.#facts)
      this.#held.set(delivery, { link, message })
      return delivery
    })
  }

  async settle(items: readonly SettledDelivery[]): Promise<Faults> {
    const faults: Faults = items.map(() => undefined)
    const done = new Map<Link, ConsumeMessage[]>()
    const later: Promise<void>[] = []
    for (const [at, { delivery, verdict }] of items.entries()) {
      const held = this.#held.get(delivery)
      if (held === undefined || held.link.session.fault !== undefined) {
        this.#held.delete(delivery)
        faults[at] = new LostMessage('its connection was lost: RabbitMQ delivers it again')
        continue
      }
      const { link, message } = held
      if (verdict.kind === 'done') {
        const list = done.get(link)
        if (list === undefined) done.set(link, [message])
        else list.push(message)
        this.#held.delete(delivery)
      } else if (verdict.kind === 'fail') {
        this.#held.delete(delivery)
        link.inbox.reject([message], false)
      } else
        later.push(
          this.#again(delivery, held, verdict.afterMs ?? 0).catch((error: unknown) => {
            faults[at] = error instanceof Error ? error : new Error(String(error))
          }),
        )
    }
    for (const [link, messages] of done) link.inbox.acknowledge(messages)
    await Promise.all(later)
    return faults
  }

  async release(deliveries: readonly Delivery[]): Promise<void> {
    for (const delivery of deliveries) {
      const held = this.#held.get(delivery)
      this.#held.delete(delivery)
      if (held !== undefined && held.link.session.fault === undefined)
        held.link.inbox.reject([held.message], true)
    }
  }

  /** In their order; resolves when RabbitMQ has confirmed all. */
  async push(jobs: readonly NewJob[]): Promise<void> {
    const { pipeline, newId, clock } = this.#options
    const { publisher } = await this.#link.get()
    const { priorityMax } = this.#traits
    const facts = { pipeline, priorityMax, nowMs: clock.nowMs() }
    const told = jobs.map(async (job) => {
      const { 'x-routing-key': [key] = [], ...headers } = job.headers
      const message = rmqMessage({ ...job, headers }, { ...facts, messageId: newId() })
      await publisher.toExchange(message, job.delayMs, key || undefined)
    })
    const fault = (await Promise.allSettled(told)).find((one) => one.status === 'rejected')
    if (fault !== undefined) throw this.#faultOf(fault.reason)
  }

  /** Asks the queue. RabbitMQ does not say what other consumers have in hand, nor what waits in queues of delays. */
  async counts(): Promise<SourceCounts> {
    const { queue } = this.#options.config
    const { session, inbox } = await this.#link.get()
    if (queue === '') return { active: undefined, delayed: undefined, reserved: undefined }
    try {
      const { messageCount, consumerCount } = await session.aside((channel) => channel.checkQueue(queue))
      const isAlone = consumerCount <= inbox.consumerCount
      return {
        active: messageCount + inbox.waitingCount,
        delayed: undefined,
        reserved: isAlone ? this.#held.size - this.#waits.size : undefined,
      }
    } catch (error) {
      throw this.#faultOf(error)
    }
  }

  async keepsFailed(): Promise<boolean> {
    return this.#traits.hasDeadLetters || this.#options.config.reject_failed
  }

  async close(): Promise<void> {
    this.#unwatch?.()
    for (const timer of this.#waits.values()) timer.clear()
    const link = await this.#link.close()
    if (link === undefined) return
    const { session, inbox } = link
    inbox.stop()
    const { queue, delete_queue_on_stop: deletes } = this.#options.config
    if (deletes && queue !== '' && session.fault === undefined)
      await session.aside((channel) => channel.deleteQueue(queue)).catch(() => undefined)
    await session.close()
  }

  /** Cancels the consumers when `signal` aborts, also between two pulls: the pipeline is paused. */
  #watch(signal: AbortSignal): void {
    if (this.#watched === signal) return
    this.#unwatch?.()
    this.#watched = signal
    this.#unwatch = onAbort(signal, () => {
      this.#watched = undefined
      void this.#link.peek().then((link) => link?.inbox.stop())
    })
  }

  /** Delivers it again after its wait, for which it stays in hand: RabbitMQ has it all the while, and a crash ends the wait alone. */
  async #again(delivery: Delivery, held: Held, afterMs: number): Promise<void> {
    const { isQuorum, deliveryLimit } = this.#traits
    if (isQuorum && deliveryLimit !== undefined && (delivery.attempt ?? 1) > deliveryLimit) {
      this.#held.delete(delivery)
      held.link.inbox.reject([held.message], false)
    } else if (afterMs <= 0) await this.#requeue(delivery, held, 0)
    else if (afterMs > waitedMsMax || this.#waits.size >= waitsMax)
      await this.#requeue(delivery, held, afterMs)
    else {
      const timer = this.#options.clock.timer(afterMs, () => {
        this.#waits.delete(delivery)
        if (held.link.session.fault !== undefined) this.#held.delete(delivery)
        // A refusal has given it back already.
        else this.#requeue(delivery, held, 0).catch(() => undefined)
      })
      this.#waits.set(delivery, timer)
    }
  }

  /** A quorum queue counts by itself what is given back; elsewhere a copy that knows its tries takes its place. A crash in between leaves both. */
  async #requeue(delivery: Delivery, { link, message }: Held, afterMs: number): Promise<void> {
    if (this.#traits.isQuorum && afterMs <= 0) {
      this.#held.delete(delivery)
      link.inbox.reject([message], true)
      return
    }
    try {
      const copy = rmqCopy(message, delivery.id, rmqTriedHeaders(delivery.attempt ?? 1))
      await link.publisher.toQueue(copy, afterMs)
    } catch (error) {
      await this.release([delivery])
      throw this.#faultOf(error)
    }
    this.#held.delete(delivery)
    if (link.session.fault === undefined) link.inbox.acknowledge([message])
  }

  async #keep({ delivery, why, attempt }: FailedDelivery): Promise<void> {
    const held = this.#held.get(delivery)
    if (held === undefined || held.link.session.fault !== undefined)
      throw new LostMessage('its connection was lost: RabbitMQ delivers it again')
    const { link, message } = held
    const { config, clock } = this.#options
    const name = failedQueueOf(config.queue)
    const copy = rmqCopy(message, delivery.id, failedHeaders(why, attempt, clock.nowMs()))
    await link.publisher.toNamed(name, copy)
    this.#held.delete(delivery)
    if (link.session.fault === undefined) link.inbox.acknowledge([message])
  }

  async #connect(): Promise<Link> {
    const { connect, config, clock } = this.#options
    const session = await connect()
    const { exchange, exchange_type: type, queue } = config
    const nowMs = () => clock.monotonicMs()
    const inbox = new Inbox({ session, queue, tag: this.#tag, nowMs })
    const publisher = new RmqPublisher({
      channel: session.publishing,
      exchange,
      queue,
      routingKey: routingKeyOf(config),
      delaysInExchange: type === 'x-delayed-message',
      nowMs,
    })
    return { session, inbox, publisher }
  }

  #faultOf(error: unknown): Error {
    const { addr, config } = this.#options
    return amqpFault(error, { addr, queue: config.queue })
  }
}

/** RabbitMQ's limit of a prefetch. */
const prefetchMax = 65_535

function noQueue(pipeline: string): Error {
  return queueFault({
    kind: 'missing',
    what: `pipeline "${pipeline}" is consumed and has no \`queue\``,
    hint: 'Give it the name of a queue, or take it out of `jobs.consume`.',
  })
}

/** The virtual host of an address. */
function vhostOf(addr: string): string {
  const path = new URL(addr).pathname
  return path === '' || path === '/' ? '/' : decodeURIComponent(path.slice(1))
}
