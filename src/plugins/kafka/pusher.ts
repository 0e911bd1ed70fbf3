/** Writes records into topics. A call that was surely not carried out is repeated for a while. */
import type { Producer } from '@platformatic/kafka'
import { type Clock, sleep } from '../../index.js'
import type { KafkaClients } from './client.js'
import { isStaleView } from './fault.js'
import { type NewRecord, placeName } from './message.js'
import type { KafkaKeys } from './part.js'

/** Options of a pusher. */
export interface PusherOptions {
  readonly clients: KafkaClients
  readonly clock: Clock
  readonly keys: KafkaKeys['producer_options']
}

const acknowledgements = { AllISRAck: -1, LeaderAck: 1, NoAck: 0 } as const
const triesMax = 20
const againMs = 100

/** A pusher. It connects with the first records. */
export class KafkaPusher {
  readonly #options: PusherOptions
  readonly #end = new AbortController()
  #producer: Producer | undefined
  #turn = 0

  constructor(options: PusherOptions) {
    this.#options = options
  }

  /** Resolves when the brokers have all of them. Rejects with a fault of the queue; some may have been written. */
  async push(records: readonly NewRecord[]): Promise<void> {
    const { clients, keys } = this.#options
    this.#producer ??= clients.producer(keys.request_timeout)
    const producer = this.#producer
    const counts = await this.#again(() => partitionCounts(producer, records))
    const batches = new Map<string, NewRecord[]>()
    for (const record of records) {
      const partition = record.partition ?? this.#partitionOf(record, counts.get(record.topic) ?? 1)
      const name = placeName({ topic: record.topic, index: partition })
      batches.set(name, [...(batches.get(name) ?? []), { ...record, partition }])
    }
    // One call a partition: a broker writes all of it or nothing, and a call that failed may be repeated.
    await Promise.all(
      [...batches.values()].map((messages) =>
        this.#again(() =>
          producer.send({
            messages,
            acks: acknowledgements[keys.required_acks],
            compression: keys.compression_codec,
            idempotent: false,
          }),
        ),
      ),
    )
  }

  /** Closes its connections. */
  async close(): Promise<void> {
    this.#end.abort()
    await this.#producer?.close().catch(() => undefined)
  }

  /** Records without a key go to the partitions in turn. */
  #partitionOf({ key }: NewRecord, count: number): number {
    this.#turn += 1
    return (key === undefined ? this.#turn : this.#options.clients.numberOf(key)) % count
  }

  /** Repeats a call that was surely not carried out: a topic that was made a moment ago has no leader yet. */
  async #again<T>(call: () => Promise<T>): Promise<T> {
    const { clients, clock } = this.#options
    for (let tries = 1; ; tries += 1) {
      try {
        return await call()
      } catch (error) {
        if (!isStaleView(error) || tries >= triesMax || this.#end.signal.aborted) throw clients.fault(error)
        this.#producer?.clearMetadata()
        await sleep(clock, againMs, this.#end.signal)
      }
    }
  }
}

async function partitionCounts(
  producer: Producer,
  records: readonly NewRecord[],
): Promise<ReadonlyMap<string, number>> {
  const { topics } = await producer.metadata({ topics: [...new Set(records.map(({ topic }) => topic))] })
  return new Map([...topics].map(([topic, { partitionsCount }]) => [topic, partitionsCount]))
}
