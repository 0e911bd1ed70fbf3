/**
 * The source over topics of Kafka: a member of a consumer group. Offsets are committed up to the first record of a partition that is not
 * settled; a record that is tried again holds back those behind it.
 */
import type { Consumer } from '@platformatic/kafka'
import { type Clock, type Logger, onAbort, sleep, type Undo } from '../../index.js'
import { LostMessage } from '../../work/queues/lost-message.js'
import { Persistence } from '../../work/queues/persistence.js'
import type {
  Delivery,
  FailedStore,
  NewJob,
  SettledDelivery,
  Source,
  SourceCounts,
} from '../../work/source.js'
import { closeClient, type KafkaClients } from './client.js'
import { Committer } from './committer.js'
import { Deal } from './deal.js'
import { FailedTopic } from './failed-topic.js'
import { KafkaGroup } from './group.js'
import { kafkaGuarantees } from './guarantees.js'
import { lagOf } from './lag.js'
import { kafkaDelivery, recordOfJob } from './message.js'
import type { KafkaKeys } from './part.js'
import type { HeldRecord } from './partition.js'
import { KafkaPusher } from './pusher.js'
import { KafkaReader } from './reader.js'
import { makeTopics } from './topics.js'

/** Options of a source. */
export interface KafkaSourceOptions {
  readonly clients: KafkaClients
  readonly clock: Clock
  readonly log: Logger
  readonly pipeline: string
  readonly keys: KafkaKeys
}

const waitMsDefault = 20_000
const findMsMax = 10_000
const patienceMs = 10_000
const againMs = 300
const lost = 'its partition went to another server, which runs the job again'

/** A source. */
export class KafkaSource implements Source {
  readonly guarantees = kafkaGuarantees
  readonly failed: FailedStore
  readonly queue: string
  readonly #options: KafkaSourceOptions
  readonly #topics: readonly string[]
  readonly #groupId: string
  /** Reads records, whose calls wait at the broker. */
  readonly #readerClient: Consumer
  /** Asks what is answered at once. */
  readonly #asker: Consumer
  readonly #pusher: KafkaPusher
  readonly #reader: KafkaReader
  readonly #group: KafkaGroup
  readonly #deal: Deal
  readonly #persistence: Persistence
  readonly #committer: Committer
  readonly #held = new WeakMap<Delivery, HeldRecord>()
  #fault: unknown
  #wake: (() => void) | undefined
  /** The last pull has told that Kafka cannot be reached: the next one waits for a while before it says so again. */
  #isTold = false
  /** Partition that is served first with the next pull. */
  #turn = 0

  /** Opens one: finds its topics, or makes them. Rejects with a fault of the queue. It joins the group with the first pull. */
  static async open(options: KafkaSourceOptions): Promise<KafkaSource> {
    const source = new KafkaSource(options)
    try {
      await source.#find()
      return source
    } catch (error) {
      await source.close()
      throw options.clients.fault(error)
    }
  }

  private constructor(options: KafkaSourceOptions) {
    const { clients, clock, log, pipeline, keys } = options
    const { consumer_options: consumed, group_options: group, producer_options: producing } = keys
    this.#options = options
    this.#topics = consumed.topics.length === 0 ? [pipeline] : consumed.topics
    this.queue = this.#topics.join(',')
    this.#groupId = group.group_id === '' ? `rr-${pipeline}` : group.group_id
    this.#readerClient = clients.reader(this.#groupId)
    this.#asker = clients.reader(this.#groupId)
    this.#pusher = new KafkaPusher({ clients, clock, keys: producing })
    this.#persistence = new Persistence(clock)
    this.#deal = new Deal({
      clients,
      consumer: this.#asker,
      clock,
      log,
      begins: consumed.consumer_offset.type,
      leaveMsMax: group.rebalance_timeout,
      commit: () => this.#committer.commit().catch(() => undefined),
      onLetGo: () => this.#group.dealAgain(),
      onChange: () => this.#wake?.(),
    })
    this.#reader = new KafkaReader({
      clients,
      consumer: this.#readerClient,
      topics: this.#topics,
      bytesMin: consumed.min_fetch_message_size,
      bytesMax: consumed.max_fetch_message_size,
      onRead: () => this.#wake?.(),
      onFault: (fault) => this.#failed(fault),
      onGone: (partition) => void this.#deal.skip(partition),
    })
    this.#group = new KafkaGroup({
      clients,
      groupId: this.#groupId,
      topics: this.#topics,
      sessionMs: group.session_timeout,
      rebalanceMs: group.rebalance_timeout,
      clock,
      owned: () => this.#deal.owned,
      onDealt: (partitions, isContinuous) => void this.#deal.take(partitions, isContinuous),
      onLost: (fault) => this.#failed(fault),
    })
    this.#committer = new Committer({
      log,
      persistence: this.#persistence,
      partitions: () => this.#deal.partitions,
      commit: (places) => this.#group.commit(places),
    })
    this.failed = new FailedTopic({
      clients,
      consumer: this.#asker,
      pusher: this.#pusher,
      topic: this.#topics[0] ?? pipeline,
      nowMs: () => clock.nowMs(),
      recordOf: ({ delivery }) => {
        const held = this.#ours(delivery)
        if (held === undefined) throw new LostMessage(lost)
        return held
      },
      settle: async ({ delivery }) => {
        const [fault] = await this.settle([{ delivery, verdict: { kind: 'done', body: new Uint8Array() } }])
        if (fault !== undefined) throw fault
      },
    })
  }

  async pull(want: number, signal: AbortSignal, waitMs = waitMsDefault): Promise<readonly Delivery[]> {
    const { clock } = this.#options
    const untilMs = clock.monotonicMs() + (this.#isTold ? patienceMs : 0)
    for (;;) {
      try {
        const taken = await this.#pull(want, signal, waitMs)
        this.#isTold = false
        return taken
      } catch (error) {
        if (signal.aborted) return []
        this.#isTold = true
        if (clock.monotonicMs() >= untilMs) throw error
        await sleep(clock, againMs, signal)
      }
    }
  }

  async #pull(want: number, signal: AbortSignal, waitMs: number): Promise<readonly Delivery[]> {
    const { clock } = this.#options
    await whenDone(this.#group.join(), signal)
    let untilMs = Number.POSITIVE_INFINITY
    while (!signal.aborted) {
      const fault = this.#fault
      this.#fault = undefined
      if (fault !== undefined) throw fault
      const taken = this.#take(want)
      this.#reader.poke(this.#deal.partitions)
      if (taken.length > 0) return taken
      const nowMs = clock.monotonicMs()
      // The time that it takes to get partitions is not part of the wait.
      if (this.#deal.isReady) untilMs = Math.min(untilMs, nowMs + waitMs)
      if (nowMs >= untilMs) break
      await this.#changed(signal, untilMs - nowMs)
    }
    return []
  }

  async settle(items: readonly SettledDelivery[]): Promise<readonly (Error | undefined)[]> {
    const { clock } = this.#options
    const faults: (Error | undefined)[] = items.map(() => undefined)
    const done: (readonly [at: number, held: HeldRecord])[] = []
    for (const [at, { delivery, verdict }] of items.entries()) {
      const held = this.#ours(delivery)
      if (held === undefined) faults[at] = new LostMessage(lost)
      else if (verdict.kind === 'retry') {
        held.failedTries += 1
        this.#putBack(held, clock.nowMs() + (verdict.afterMs ?? 0))
      } else {
        held.partition.settle(held)
        done.push([at, held])
      }
    }
    if (done.length === 0) return faults
    // What cannot be committed now is with a later commit, as long as its partition is ours.
    await this.#committer.commit().catch(() => this.#committer.commitLater())
    for (const [at, { partition, record }] of done) {
      if (!partition.isOurs && partition.committed <= record.offset) faults[at] ??= new LostMessage(lost)
      this.#deal.settled(partition)
    }
    return faults
  }

  async release(deliveries: readonly Delivery[]): Promise<void> {
    for (const delivery of deliveries) {
      const held = this.#ours(delivery)
      if (held !== undefined) this.#putBack(held, 0)
    }
  }

  async push(jobs: readonly NewJob[]): Promise<void> {
    const { pipeline, keys } = this.#options
    const [topic = pipeline] = this.#topics
    const { max_message_bytes: bytesMax } = keys.producer_options
    for (const { delayMs, body } of jobs) {
      if (delayMs > 0) throw new Error('Kafka knows no delays: push the job without one')
      const bytes = Buffer.byteLength(body)
      if (bytes > bytesMax)
        throw new Error(`the job has ${bytes} bytes, max_message_bytes of the pipeline allows ${bytesMax}`)
    }
    const about = { pipeline, topic, laneHeader: keys.lane_header }
    await this.#pusher.push(jobs.map((job) => recordOfJob(job, about)))
  }

  /** The lag of the group. What is in hand of other servers counts as ready. */
  async counts(): Promise<SourceCounts> {
    const { clients, clock, keys } = this.#options
    try {
      return await lagOf({
        consumer: this.#asker,
        topics: this.#topics,
        ours: this.#deal.partitions,
        begins: keys.consumer_options.consumer_offset.type,
        nowMs: clock.nowMs(),
      })
    } catch (error) {
      throw clients.fault(error)
    }
  }

  async close(): Promise<void> {
    this.#persistence.end()
    this.#deal.close()
    await this.#committer.close()
    await this.#group.close()
    // A call that waits at the broker is cut off.
    await Promise.all([closeClient(this.#readerClient), closeClient(this.#asker), this.#pusher.close()])
  }

  async #find(): Promise<void> {
    const { clients, clock, keys } = this.#options
    const makes = keys.auto_create_topics_enable
    if (makes) await makeTopics(clients, this.#topics, { partitions: keys.partitions })
    const find = async () => {
      try {
        await this.#asker.metadata({ topics: [...this.#topics], forceUpdate: true })
      } catch (error) {
        throw clients.fault(error)
      }
    }
    // A topic that was made a moment ago is not known to all brokers.
    await this.#persistence.ask(find, makes ? clock.nowMs() + findMsMax : 0)
  }

  /** Takes up to `want` records, the partitions in turn. */
  #take(want: number): readonly Delivery[] {
    const { clock, keys } = this.#options
    const partitions = this.#deal.partitions
    const taken: Delivery[] = []
    const nowMs = clock.nowMs()
    for (let misses = 0; taken.length < want && misses < partitions.length; ) {
      this.#turn = (this.#turn + 1) % partitions.length
      const held = partitions[this.#turn]?.take(nowMs)
      if (held === undefined) {
        misses += 1
        continue
      }
      misses = 0
      const delivery = kafkaDelivery(held, keys.priority)
      this.#held.set(delivery, held)
      taken.push(delivery)
    }
    return taken
  }

  /** The record of a delivery that is in hand and ours. */
  #ours(delivery: Delivery): HeldRecord | undefined {
    const held = this.#held.get(delivery)
    return held?.partition.isOurs === true ? held : undefined
  }

  #putBack(held: HeldRecord, dueAtMs: number): void {
    held.partition.putBack(held, dueAtMs)
    this.#deal.settled(held.partition)
    this.#wake?.()
  }

  #failed(fault: unknown): void {
    this.#fault = fault
    this.#wake?.()
  }

  /** Resolves when something may have come, a record is due, or the time is over. */
  async #changed(signal: AbortSignal, leftMs: number): Promise<void> {
    const { clock } = this.#options
    const due = this.#deal.partitions.flatMap(({ nextDueMs }) => (nextDueMs === undefined ? [] : [nextDueMs]))
    const untilDueMs = Math.max(1, Math.min(...due) - clock.nowMs())
    await new Promise<void>((resolve) => {
      const timer = clock.timer(Math.min(leftMs, untilDueMs, waitMsDefault), () => end())
      const unabort = onAbort(signal, () => end())
      const end = () => {
        timer.clear()
        unabort()
        this.#wake = undefined
        resolve()
      }
      this.#wake = end
      if (signal.aborted) end()
    })
  }
}

/** Waits for a promise, or for the signal. Rejects as the promise does, unless the signal was first. */
async function whenDone(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  let undo: Undo = () => undefined
  const aborted = new Promise<void>((resolve) => {
    undo = onAbort(signal, resolve)
  })
  try {
    await Promise.race([promise, aborted])
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    undo()
  }
}
