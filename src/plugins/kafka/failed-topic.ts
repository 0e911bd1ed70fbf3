/**
 * The failed jobs of a pipeline, in a topic beside its own: `TOPIC.failed`, one partition, compacted. The key of a record is the id of its
 * job; a record without a value says that the job has gone back.
 */
import type { Consumer } from '@platformatic/kafka'
import type { FailedDelivery, FailedStore, KeptMessage } from '../../work/source.js'
import type { KafkaClients } from './client.js'
import { isStaleView } from './fault.js'
import type { FetchedRecord, RecordHeader } from './fetched-record.js'
import { headerMap, jobHeader, textOfHeader } from './message.js'
import { endOffsets } from './offsets.js'
import type { HeldRecord } from './partition.js'
import type { KafkaPusher } from './pusher.js'
import { readBatches } from './reader.js'
import { makeTopics } from './topics.js'

/** Options of a store. */
export interface FailedTopicOptions {
  readonly clients: KafkaClients
  readonly consumer: Consumer
  readonly pusher: KafkaPusher
  readonly topic: string
  readonly nowMs: () => number
  /** Finds the record of a delivery in hand. Throws when it is lost. */
  readonly recordOf: (failed: FailedDelivery) => HeldRecord
  /** Settles a delivery whose copy is kept. Rejects when it is lost. */
  readonly settle: (failed: FailedDelivery) => Promise<void>
}

const kept = {
  why: 'rr_why',
  attempt: 'rr_attempt',
  failedAt: 'rr_failed_at',
  topic: 'rr_topic',
  key: 'rr_key',
} as const
const keptNames: readonly string[] = Object.values(kept)
const bytesMax = 10_000_000
/** Times that a topic that was just made is asked for. */
const triesMax = 50

/** A store. What it has read stays in memory: only what is new is read again. */
export class FailedTopic implements FailedStore {
  readonly #options: FailedTopicOptions
  readonly #topic: string
  readonly #jobs = new Map<string, FetchedRecord>()
  #nextOffset = 0
  #isThere = false
  #reading: Promise<void> | undefined

  constructor(options: FailedTopicOptions) {
    this.#options = options
    this.#topic = `${options.topic}.failed`
  }

  /** Keeps a copy first and settles afterwards: between the two a crash makes two of it, and never none. */
  async keep(failed: FailedDelivery): Promise<void> {
    const { pusher, recordOf, settle, nowMs } = this.#options
    const { partition, record } = recordOf(failed)
    await this.#make()
    const about: readonly RecordHeader[] = [
      [kept.topic, Buffer.from(partition.topic)],
      [kept.why, Buffer.from(failed.why)],
      [kept.attempt, Buffer.from(String(failed.attempt))],
      [kept.failedAt, Buffer.from(String(nowMs()))],
      ...(record.key === null ? [] : [[kept.key, record.key] as const]),
    ]
    await pusher.push([
      {
        topic: this.#topic,
        partition: 0,
        key: Buffer.from(failed.delivery.id),
        value: record.value ?? Buffer.alloc(0),
        headers: headerMap([...record.headers, ...about]),
      },
    ])
    await settle(failed)
  }

  async list(max: number): Promise<readonly KeptMessage[]> {
    await this.#read()
    return [...this.#jobs].slice(0, max).map(([id, { headers }]) => ({
      id,
      name: textOfHeader(headers, jobHeader.job) ?? '',
      attempt: Number(textOfHeader(headers, kept.attempt) ?? 0) || undefined,
      why: textOfHeader(headers, kept.why) ?? '',
      atMs: Number(textOfHeader(headers, kept.failedAt) ?? 0) || undefined,
    }))
  }

  async redrive(ids?: readonly string[]): Promise<number> {
    await this.#read()
    const { pusher, topic } = this.#options
    let count = 0
    for (const id of ids ?? [...this.#jobs.keys()]) {
      const record = this.#jobs.get(id)
      if (record === undefined) continue
      const key = record.headers.findLast(([name]) => name === kept.key)?.[1]
      await pusher.push([
        {
          topic: textOfHeader(record.headers, kept.topic) ?? topic,
          ...(key === undefined ? {} : { key }),
          value: record.value ?? Buffer.alloc(0),
          headers: headerMap(record.headers.filter(([name]) => !keptNames.includes(name))),
        },
      ])
      await pusher.push([{ topic: this.#topic, partition: 0, key: Buffer.from(id), headers: new Map() }])
      this.#jobs.delete(id)
      count += 1
    }
    return count
  }

  async count(): Promise<number> {
    await this.#read()
    return this.#jobs.size
  }

  async #make(): Promise<void> {
    if (this.#isThere) return
    const configs = [{ name: 'cleanup.policy', value: 'compact' }]
    await makeTopics(this.#options.clients, [this.#topic], { partitions: 1, configs })
    this.#isThere = true
  }

  #read(): Promise<void> {
    this.#reading ??= this.#readNew().finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  async #readNew(): Promise<void> {
    const { clients } = this.#options
    try {
      const admin = this.#isThere ? undefined : clients.admin()
      if (admin !== undefined) {
        this.#isThere = (await admin.listTopics().finally(() => admin.close())).includes(this.#topic)
        if (!this.#isThere) return
      }
      const end = (await this.#end()).get(`${this.#topic}-0`) ?? 0
      while (this.#nextOffset < end && (await this.#readOn()));
    } catch (error) {
      throw clients.fault(error)
    }
  }

  async #end(): Promise<ReadonlyMap<string, number>> {
    const { consumer } = this.#options
    for (let tries = 1; ; tries += 1) {
      try {
        return await endOffsets(consumer, [this.#topic], 'next')
      } catch (error) {
        if (!isStaleView(error) || tries >= triesMax) throw error
        consumer.clearMetadata()
      }
    }
  }

  /** Reads a part; false where there was nothing. */
  async #readOn(): Promise<boolean> {
    const { consumer } = this.#options
    const { topics } = await consumer.metadata({ topics: [this.#topic] })
    const about = topics.get(this.#topic)
    const leader = about?.partitions[0]?.leader
    if (about === undefined || leader === undefined) throw new Error(`the topic ${this.#topic} has no leader`)
    const { responses } = await consumer.fetch({
      node: leader,
      maxWaitTime: 0,
      minBytes: 0,
      maxBytes: bytesMax,
      isolationLevel: 0,
      topics: [
        {
          topicId: about.id,
          partitions: [
            {
              partition: 0,
              currentLeaderEpoch: -1,
              fetchOffset: BigInt(this.#nextOffset),
              lastFetchedEpoch: -1,
              partitionMaxBytes: bytesMax,
            },
          ],
        },
      ],
    })
    const batches = responses.flatMap(({ partitions }) => partitions.flatMap(({ records = [] }) => records))
    const { records, nextOffset } = readBatches(batches, this.#nextOffset)
    // Each is put at the end anew: the list is in the order in which jobs have failed.
    for (const record of records) {
      const id = record.key?.toString('utf8') ?? ''
      this.#jobs.delete(id)
      if (record.value !== null) this.#jobs.set(id, record)
    }
    const hasRead = nextOffset > this.#nextOffset
    this.#nextOffset = nextOffset
    return hasRead
  }
}
