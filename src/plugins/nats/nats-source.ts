/** A queue in a stream: messages of a durable consumer, acknowledged one by one, in progress as long as a worker lives on them. */
import type { Clock } from '../../index.js'
import type { DriverGuarantees } from '../../work/index.js'
import { LostMessage } from '../../work/queues/lost-message.js'
import { receiptOf } from '../../work/queues/message.js'
import { Persistence } from '../../work/queues/persistence.js'
import { ProgressKeeper } from '../../work/queues/progress-keeper.js'
import { isQueueFault } from '../../work/queues/queue-fault.js'
import type {
  Delivery,
  FailedStore,
  NewJob,
  SettledDelivery,
  Source,
  SourceCounts,
} from '../../work/source.js'
import type { Nats, NatsLink } from './connection.js'
import { FailedStream, publish } from './failed-stream.js'
import { natsGuarantees } from './guarantees.js'
import { dueInMs, natsDelivery, placeOf, writeJob } from './message.js'
import { pullMessages } from './pull.js'
import { type ConsumerFacts, type NatsKeys, openConsumer } from './stream.js'

/** Options of a source. */
export interface NatsSourceOptions {
  readonly nats: Nats
  readonly clock: Clock
  readonly pipeline: string
  readonly keys: NatsKeys
}

const waitMsDefault = 20_000
const acknowledgeMsMax = 5000
/** JetStream counts from before the message is here. */
const travelMs = 100
const done = '+ACK'
const lost = 'its time is over: JetStream delivers the job again'

/** A source. */
export class NatsSource implements Source {
  readonly guarantees: DriverGuarantees
  readonly failed?: FailedStore
  readonly queue: string
  readonly #options: NatsSourceOptions
  readonly #persistence: Persistence
  readonly #progress: ProgressKeeper
  #facts: ConsumerFacts | undefined

  /** Opens one; rejects with a fault of the queue. */
  static async open(options: NatsSourceOptions): Promise<NatsSource> {
    const facts = await options.nats.ask((link) => openConsumer(link, options.keys))
    return new NatsSource(options, facts)
  }

  private constructor(options: NatsSourceOptions, facts: ConsumerFacts) {
    const { nats, clock, keys } = options
    this.#options = options
    this.queue = keys.subject
    this.#facts = facts
    this.#persistence = new Persistence(clock)
    this.#progress = new ProgressKeeper({ clock, tell: (one) => this.#tellProgress(one) })
    // Where JetStream gives up by itself it keeps what it gave up.
    this.guarantees = facts.hasDeliveryLimit ? { ...natsGuarantees, failed: 'server' } : natsGuarantees
    if (facts.hasDeliveryLimit) return
    this.failed = new FailedStream({
      nats,
      stream: keys.stream,
      subject: keys.subject,
      nowMs: () => clock.nowMs(),
      acknowledge: async ({ delivery }) => {
        const [fault] = await this.#acknowledge([delivery])
        if (fault !== undefined) throw fault
      },
    })
  }

  async pull(want: number, signal: AbortSignal, waitMs = waitMsDefault): Promise<readonly Delivery[]> {
    const { nats, clock, keys } = this.#options
    const endMs = clock.monotonicMs() + waitMs
    while (!signal.aborted) {
      const leftMs = Math.max(0, endMs - clock.monotonicMs())
      const taken = await nats.ask(async (link) => {
        const { name: consumer } = await this.#consumer(link)
        const request = {
          stream: keys.stream,
          consumer,
          want: Math.min(want, keys.prefetch),
          waitMs: leftMs,
          signal,
          clock,
        }
        return pullMessages(link, request).catch((error: unknown) => {
          // Made anew with the next pull.
          if (Object(error).code === 'RR_QUEUE_MISSING') this.#facts = undefined
          throw error
        })
      })
      const nowMs = clock.nowMs()
      const due = taken.filter((message) => {
        const afterMs = dueInMs(message, nowMs)
        if (afterMs > 0) message.respond(later(afterMs))
        return afterMs === 0
      })
      if (due.length > 0) return due.flatMap((message) => this.#deliveryOf(message, nowMs))
      if (taken.length === 0 && clock.monotonicMs() >= endMs) return []
    }
    return []
  }

  async settle(items: readonly SettledDelivery[]): Promise<readonly (Error | undefined)[]> {
    return Promise.all(items.map((item) => this.#settle(item)))
  }

  async extend(deliveries: readonly Delivery[], byMs: number): Promise<readonly (Error | undefined)[]> {
    const faults = deliveries.map((one) => (this.#progress.isLost(one) ? new LostMessage(lost) : undefined))
    const kept = deliveries.filter((_, at) => faults[at] === undefined)
    await this.#options.nats.ask(async (link) => {
      for (const delivery of kept) link.connection.publish(receiptOf(delivery), '+WPI')
      // Its answer comes behind: the server has read all.
      await link.connection.flush()
    })
    for (const delivery of kept) this.#progress.extended(delivery, byMs)
    return faults
  }

  async release(deliveries: readonly Delivery[]): Promise<void> {
    await this.#options.nats.ask(async ({ connection }) => {
      for (const delivery of deliveries) {
        if (!this.#progress.isLost(delivery)) connection.publish(receiptOf(delivery), '-NAK')
        this.#progress.forget(delivery)
      }
      await connection.flush()
    })
  }

  /** One after the other, in their order; all are on their way at once. */
  async push(jobs: readonly NewJob[]): Promise<void> {
    const { nats, clock, keys } = this.#options
    await nats.ask(async (link) => {
      const nowMs = clock.nowMs()
      await Promise.all(
        jobs.map((job) => publish(link, keys.subject, job.body, writeJob(job, link.newHeaders(), nowMs))),
      )
    })
  }

  /** JetStream does not tell what is worked on from what waits for its time. */
  counts(): Promise<SourceCounts> {
    const { nats, keys } = this.#options
    return nats.ask(async (link) => {
      const { name } = await this.#consumer(link)
      const info = await link.manager.consumers.info(keys.stream, name)
      return { active: info.num_pending, delayed: undefined, reserved: info.num_ack_pending }
    })
  }

  async keepsFailed(): Promise<boolean> {
    return this.#facts?.hasDeliveryLimit === true
  }

  async close(): Promise<void> {
    const { nats, keys } = this.#options
    this.#persistence.end()
    this.#progress.close()
    if (keys.delete_stream_on_stop) await nats.ask(({ manager }) => manager.streams.delete(keys.stream))
  }

  async #consumer(link: NatsLink): Promise<ConsumerFacts> {
    this.#facts ??= await openConsumer(link, this.#options.keys)
    return this.#facts
  }

  #deliveryOf(message: Parameters<typeof natsDelivery>[0], nowMs: number): readonly Delivery[] {
    const place = placeOf(message.reply)
    if (place === undefined) return []
    const { pipeline, keys } = this.#options
    const { subject, priority } = keys
    const ackWaitMs = this.#facts?.ackWaitMs ?? 0
    const expiresAtMs = nowMs + ackWaitMs - travelMs
    const delivery = natsDelivery(message, place, { pipeline, subject, priority, expiresAtMs })
    this.#progress.began(delivery, expiresAtMs, ackWaitMs)
    return [delivery]
  }

  async #settle({ delivery, verdict }: SettledDelivery): Promise<Error | undefined> {
    if (verdict.kind === 'done' || (verdict.kind === 'fail' && !this.#facts?.hasDeliveryLimit))
      return (await this.#acknowledge([delivery]))[0]
    const isLost = this.#progress.isLost(delivery)
    this.#progress.forget(delivery)
    if (isLost) return new LostMessage(lost)
    const afterMs = verdict.kind === 'retry' ? (verdict.afterMs ?? 0) : 0
    return this.#tell(delivery, later(afterMs))
  }

  /** Acknowledges also what may be lost: it is done, and need not be done again. */
  async #acknowledge(deliveries: readonly Delivery[]): Promise<readonly (Error | undefined)[]> {
    const { nats, keys } = this.#options
    return Promise.all(
      deliveries.map(async (delivery) => {
        const fault = await this.#tell(delivery, done)
        this.#progress.forget(delivery)
        if (fault !== undefined || !keys.delete_after_ack) return fault
        // Gone already from streams that lose what is acknowledged.
        await nats
          .ask(({ manager }) => manager.streams.deleteMessage(keys.stream, Number(delivery.id)))
          .catch(() => undefined)
        return undefined
      }),
    )
  }

  /** Tells JetStream and waits for its answer, again while it cannot be reached and the delivery has time left. */
  async #tell(delivery: Delivery, text: string): Promise<Error | undefined> {
    const { nats, clock } = this.#options
    const untilMs = clock.nowMs() + (this.#facts?.ackWaitMs ?? 0)
    const options = { timeout: acknowledgeMsMax }
    try {
      await this.#persistence.ask(
        () => nats.ask(({ connection }) => connection.request(receiptOf(delivery), text, options)),
        untilMs,
      )
      return undefined
    } catch (error) {
      if (error instanceof Error && isQueueFault(error)) return error
      throw error
    }
  }

  #tellProgress(delivery: Delivery): void {
    const { nats } = this.#options
    void nats
      .ask(async ({ connection }) => connection.publish(receiptOf(delivery), '+WPI'))
      // It expires, and is told by the next call about it.
      .catch(() => undefined)
  }
}

function later(afterMs: number): string {
  return afterMs > 0 ? `-NAK ${JSON.stringify({ delay: Math.ceil(afterMs) * 1e6 })}` : '-NAK'
}
