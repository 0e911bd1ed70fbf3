/**
 * Reads records: for each broker one call at a time, for all partitions that it leads and that have room. A call waits at the broker until
 * there is a record; what it brings stays in memory until it is taken.
 */
import type { Consumer } from '@platformatic/kafka'
import type { KafkaClients } from './client.js'
import { hasApiId, isStaleView } from './fault.js'
import type { FetchedRecord } from './fetched-record.js'
import type { Partition } from './partition.js'

/** Options of a reader. */
export interface ReaderOptions {
  readonly clients: KafkaClients
  readonly consumer: Consumer
  readonly topics: readonly string[]
  readonly bytesMin: number
  readonly bytesMax: number
  /** Called when a read has ended. */
  readonly onRead: () => void
  readonly onFault: (fault: unknown) => void
  /** The place to read of a partition is not there: older than what the topic keeps. */
  readonly onGone: (partition: Partition) => void
}

/** Ms that a call waits at the broker: long where nothing else could be asked for meanwhile. */
const waitMs = 1000
const waitShortMs = 100
/** All partitions together, in units of what one may bring. */
const totalShares = 8
const logTimeBit = 8
const controlBit = 32
const outOfRangeCode = 1

type FetchResponse = Awaited<ReturnType<Consumer['fetch']>>
type Batches = NonNullable<FetchResponse['responses'][number]['partitions'][number]['records']>

/** A reader. */
export class KafkaReader {
  readonly #options: ReaderOptions
  /** Brokers that are being asked. */
  readonly #asked = new Set<number>()
  #isLooking = false

  constructor(options: ReaderOptions) {
    this.#options = options
    options.consumer.topics.trackAll(...options.topics)
  }

  /** Asks the brokers for more where partitions have room. Returns at once. */
  poke(partitions: readonly Partition[]): void {
    if (this.#isLooking || !partitions.some(({ hasRoom }) => hasRoom)) return
    this.#isLooking = true
    void this.#look(partitions)
      .catch((error: unknown) => this.#options.onFault(this.#options.clients.fault(error)))
      .finally(() => {
        this.#isLooking = false
      })
  }

  async #look(partitions: readonly Partition[]): Promise<void> {
    const { consumer, topics } = this.#options
    const cluster = await consumer.metadata({ topics: [...topics] })
    const byBroker = new Map<number, Map<string, Partition[]>>()
    for (const partition of partitions) {
      const topic = cluster.topics.get(partition.topic)
      const leader = topic?.partitions[partition.index]?.leader
      if (topic === undefined || leader === undefined || this.#asked.has(leader) || !partition.hasRoom)
        continue
      const byTopic = byBroker.get(leader) ?? new Map<string, Partition[]>()
      byTopic.set(topic.id, [...(byTopic.get(topic.id) ?? []), partition])
      byBroker.set(leader, byTopic)
    }
    for (const [broker, byTopic] of byBroker) {
      const isAll = partitions.every(({ hasRoom }) => hasRoom)
      void this.#fetch(broker, byTopic, isAll ? waitMs : waitShortMs)
    }
  }

  async #fetch(
    broker: number,
    byTopic: ReadonlyMap<string, readonly Partition[]>,
    maxWaitTime: number,
  ): Promise<void> {
    const { consumer, bytesMin, bytesMax, clients, onRead, onFault } = this.#options
    const places = new Map([...byTopic.values()].flat().map((one) => [one, one.nextOffset]))
    this.#asked.add(broker)
    try {
      const answer = await consumer.fetch({
        node: broker,
        maxWaitTime,
        minBytes: bytesMin,
        maxBytes: bytesMax * totalShares,
        // As RoadRunner does: what transactions have written is read as it comes.
        isolationLevel: 0,
        topics: [...byTopic].map(([topicId, partitions]) => ({
          topicId,
          partitions: partitions.map((one) => ({
            partition: one.index,
            currentLeaderEpoch: -1,
            fetchOffset: BigInt(places.get(one) ?? 0),
            lastFetchedEpoch: -1,
            partitionMaxBytes: bytesMax,
          })),
        })),
      })
      this.#take(answer, byTopic, places)
    } catch (error) {
      if (hasApiId(error, 'OFFSET_OUT_OF_RANGE')) this.#skip(error, byTopic)
      else if (isStaleView(error)) consumer.clearMetadata()
      else onFault(clients.fault(error))
    } finally {
      this.#asked.delete(broker)
      onRead()
    }
  }

  #take(
    { responses }: FetchResponse,
    byTopic: ReadonlyMap<string, readonly Partition[]>,
    places: ReadonlyMap<Partition, number>,
  ): void {
    for (const { topicId, partitions } of responses)
      for (const { partitionIndex, records = [] } of partitions) {
        const partition = byTopic.get(topicId)?.find(({ index }) => index === partitionIndex)
        const from = partition === undefined ? undefined : places.get(partition)
        if (partition !== undefined && from !== undefined) takeBatches(partition, from, records)
      }
  }

  #skip(error: unknown, byTopic: ReadonlyMap<string, readonly Partition[]>): void {
    const { response }: { readonly response?: FetchResponse } = Object(error)
    for (const { topicId, partitions } of response?.responses ?? [])
      for (const { partitionIndex, errorCode } of partitions) {
        const partition = byTopic.get(topicId)?.find(({ index }) => index === partitionIndex)
        if (errorCode === outOfRangeCode && partition !== undefined) this.#options.onGone(partition)
      }
  }
}

/** Adds the records of an answer. A compressed batch begins before the place that was asked for; one of control is not for us. */
function takeBatches(partition: Partition, from: number, batches: Batches): void {
  const found = readBatches(batches, from)
  if (found.nextOffset > from) partition.add(found.records, from, found.nextOffset)
}

/** Records of batches from an offset on, and the place behind them. */
export function readBatches(
  batches: Batches,
  from: number,
): { readonly records: readonly FetchedRecord[]; readonly nextOffset: number } {
  const records: FetchedRecord[] = []
  let nextOffset = from
  for (const batch of batches) {
    const first = Number(batch.firstOffset)
    nextOffset = Math.max(nextOffset, first + batch.lastOffsetDelta + 1)
    if ((batch.attributes & controlBit) !== 0) continue
    const isLogTime = (batch.attributes & logTimeBit) !== 0
    for (const record of batch.records) {
      const offset = first + record.offsetDelta
      if (offset < from) continue
      records.push({
        offset,
        timestampMs: Number(isLogTime ? batch.maxTimestamp : batch.firstTimestamp + record.timestampDelta),
        isLogTime,
        key: record.key,
        value: record.value,
        headers: record.headers.map(([name, value]) => [String(name ?? ''), value ?? Buffer.alloc(0)]),
      })
    }
  }
  return { records, nextOffset }
}
