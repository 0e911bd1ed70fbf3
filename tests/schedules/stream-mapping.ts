/**
 * The event-source mapping of a Kinesis shard, for the schedules: batches from a checkpoint on, which moves up to the lowest sequence
 * number that failed. A batch whose first record has been tried too often loses that record to the on-failure destination.
 */
import { type Clock, sleep } from '../../src/core/clock.js'
import { type Invoked, readBatchAnswer } from '../../src/plugins/emulator/mapping/read-batch-answer.js'

/** One record of the shard. */
export interface StreamRecord {
  /** Its sequence number. */
  readonly id: string
  readonly key: string
  readonly data: string
}

/** Options of a mapping. */
export interface StreamMappingOptions {
  readonly records: readonly StreamRecord[]
  readonly batchSize: number
  readonly reportsFailures: boolean
  /** Deliveries of a record at the checkpoint, after which it is passed over. */
  readonly receiveMax: number
  readonly clock: Clock
  readonly invoke: (event: Buffer) => Promise<Exclude<Invoked, { kind: 'unrun' }>>
  /** The checkpoint has moved past these. */
  readonly onPassed: (ids: readonly string[]) => void
  readonly onDead: (id: string) => void
}

const arn = 'arn:aws:kinesis:us-east-1:123456789012:stream/work'
const pauseMs = 1000

/** A running mapping. */
export class StreamMapping {
  readonly #options: StreamMappingOptions
  #checkpoint = 0
  #tries = 0
  #isStopped = false

  constructor(options: StreamMappingOptions) {
    this.#options = options
  }

  /** Records that the checkpoint has not passed. */
  get ids(): readonly string[] {
    return this.#options.records.slice(this.#checkpoint).map(({ id }) => id)
  }

  stop(): void {
    this.#isStopped = true
  }

  /** Reads the shard to its end. */
  async run(): Promise<void> {
    const { records, batchSize, clock } = this.#options
    while (!this.#isStopped && this.#checkpoint < records.length) {
      const isWhole = await this.#one(records.slice(this.#checkpoint, this.#checkpoint + batchSize))
      if (!isWhole) await sleep(clock, pauseMs)
    }
  }

  async #one(batch: readonly StreamRecord[]): Promise<boolean> {
    const { invoke, reportsFailures, receiveMax, onPassed, onDead } = this.#options
    const ids = batch.map(({ id }) => id)
    const { failed } = readBatchAnswer(await invoke(eventOf(batch)), ids, reportsFailures)
    const lowest = ids.findIndex((id) => failed.has(id))
    const passed = lowest < 0 ? ids : ids.slice(0, lowest)
    onPassed(passed)
    this.#checkpoint += passed.length
    this.#tries = passed.length > 0 ? 0 : this.#tries + 1
    const [first = ''] = ids
    if (this.#tries >= receiveMax) {
      onDead(first)
      this.#checkpoint += 1
      this.#tries = 0
    }
    return lowest < 0
  }
}

function eventOf(batch: readonly StreamRecord[]): Buffer {
  const records = batch.map(({ id, key, data }) => ({
    kinesis: {
      kinesisSchemaVersion: '1.0',
      partitionKey: key,
      sequenceNumber: id,
      data: Buffer.from(data).toString('base64'),
      approximateArrivalTimestamp: 1_545_084_650.987,
    },
    eventSource: 'aws:kinesis',
    eventVersion: '1.0',
    eventID: `shardId-000000000000:${id}`,
    eventName: 'aws:kinesis:record',
    awsRegion: 'us-east-1',
    eventSourceARN: arn,
  }))
  return Buffer.from(JSON.stringify({ Records: records }))
}
