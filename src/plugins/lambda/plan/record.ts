/** One record of a batch as the plan of its event holds it. Types only. */
import type { RecordText } from './record-text.js'

/** One record: what its worker gets, and how the answer names it. */
export interface RecordPlan {
  /** Identifier in `batchItemFailures`: a text, for Kafka an object. */
  readonly identifier: string | KafkaIdentifier
  /** The same as JSON; absent for a text. */
  readonly identifierText?: string
  /** Name in the log and in the job's id. */
  readonly name: string
  readonly body: string | Uint8Array
  /** The record without what became the body. */
  readonly rest: object
  /** The record as it came. */
  readonly whole: object
  /** JSON of both, with all digits of their numbers. */
  readonly text: RecordText
  /** Place in the event that lists the record: `Records`, or `records` and a partition. */
  readonly place: readonly [key: string, group?: string]
  /** SQS's ApproximateReceiveCount. */
  readonly attempt: number | null
}

/** Identifier of a Kafka record; sources disagree on the first key. */
export type KafkaIdentifier =
  | { readonly partition: string; readonly offset: number }
  | { readonly 'topic-partition': string; readonly offset: number }
