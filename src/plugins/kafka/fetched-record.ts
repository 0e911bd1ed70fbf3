/** A record of Kafka as it was read. */

/** A record. */
export interface FetchedRecord {
  readonly offset: number
  readonly timestampMs: number
  /** The broker's time instead of the writer's. */
  readonly isLogTime: boolean
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly RecordHeader[]
}

/** Name and value of a header. */
export type RecordHeader = readonly [name: string, value: Buffer]
