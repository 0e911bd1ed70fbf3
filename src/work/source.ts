/** The port of a queue: its deliveries, and how each is settled. Types only; drivers open queues (`driver.ts`). */
import type { DriverGuarantees } from './guarantees.js'
import type { Headers } from './headers.js'
import type { Verdict } from './verdict.js'

export type { Headers } from './headers.js'

/** One message as its source delivered it. It is settled or released exactly once, unless it was lost meanwhile. */
export interface Delivery {
  /** Unique within its source, and the same when the message is delivered again. */
  readonly id: string
  /** Kind of the source as AWS names it (`aws:sqs`); other queues by a name of their own (`memory`). */
  readonly source: string
  readonly body: Uint8Array | string
  /** The message without its body, in the shape in which AWS's event-source mapping hands it over. */
  readonly record: Readonly<Record<string, unknown>>
  readonly headers: Headers
  /** Number of this delivery of the message, from 1; null where the source does not count. */
  readonly attempt: number | null
  /** 1 to 1000, less is more often, as in `AcquireOptions`; 10 where the source knows no priorities. */
  readonly priority: number
  /** Deliveries of one lane run one after the other, in the order in which they came; absent: a lane of its own. */
  readonly lane?: string
  /** Wall-clock ms at which the source delivers the message again; absent: not while the source is connected. */
  readonly expiresAtMs?: number
  /** Acknowledged before it is run: its client accepts that it is run once at most. */
  readonly autoAck?: true
  /** Properties that RoadRunner’s client gave, where the record has no place for them. */
  readonly job?: JobFactsOfClient
  /**
   * True once the source wants it back unrun: it went to another server, or one before it in its lane comes again. Asked right before it
   * begins; it is then released. Absent where that does not happen.
   */
  isTakenBack?(): boolean
}

/** Facts about a job that its client gave. */
interface JobFactsOfClient {
  readonly id?: string
  readonly name?: string
  readonly pipeline?: string
  readonly queue?: string
}

/** A delivery with its verdict. */
export interface SettledDelivery {
  readonly delivery: Delivery
  readonly verdict: Verdict
}

/** A message to add to a queue. */
export interface NewJob {
  readonly id: string
  /** Name of the job, as RoadRunner's clients give it. */
  readonly name: string
  readonly body: Uint8Array | string
  readonly headers: Headers
  readonly priority: number
  readonly delayMs: number
  readonly lane?: string
  /** Place of the job within a queue of several; absent: the queue decides. */
  readonly place?: JobPlace
  /** Asks for acknowledgement before the job is run. */
  readonly autoAck?: true
}

/** A place in a queue of topics and partitions, as RoadRunner’s clients name it for Kafka. */
interface JobPlace {
  readonly topic?: string
  readonly partition?: number
}

/** A delivery that failed for good, to be kept by its queue. */
export interface FailedDelivery {
  readonly delivery: Delivery
  readonly why: string
  /** Tries that it had. */
  readonly attempt: number
}

/** A message that failed for good, as its queue lists it. */
export interface KeptMessage {
  readonly id: string
  /** Name of the job; empty where it has none. */
  readonly name: string
  /** Tries that it had; undefined where the queue does not know. */
  readonly attempt: number | undefined
  readonly why: string
  /** Wall-clock ms of the last try; undefined where the queue does not know. */
  readonly atMs: number | undefined
}

/** Messages that failed for good, where the queue itself keeps them: they outlive this process, and all servers on the queue see them. */
export interface FailedStore {
  /** Takes a delivery out of the queue's turn. Rejects when it could not: the message is then delivered again. */
  keep(failed: FailedDelivery): Promise<void>
  /** Lists up to `max`, the oldest first. */
  list(max: number): Promise<readonly KeptMessage[]>
  /** Puts messages back, those of these ids or all, with all tries ahead. Resolves with their number. */
  redrive(ids?: readonly string[]): Promise<number>
  count(): Promise<number>
}

/** Number of messages, by where they are; undefined where the queue cannot say. */
export interface SourceCounts {
  /** Ready to be delivered. */
  readonly active: number | undefined
  /** Held back until a time. */
  readonly delayed: number | undefined
  /** Delivered and not settled. */
  readonly reserved: number | undefined
}

/** A queue. Lists are batches; their answers have one entry an item, in the order of the items: the fault, or undefined. */
export interface Source {
  /** Promises of this queue, as it is configured. */
  readonly guarantees: DriverGuarantees
  /**
   * Resolves with up to `want` deliveries as soon as there is one; with none when `signal` aborts, or after `waitMs`, or after a time of
   * the source's own choice. Rejects when the queue cannot be reached.
   */
  pull(want: number, signal: AbortSignal, waitMs?: number): Promise<readonly Delivery[]>
  /**
   * Acknowledges what is done, returns for another delivery what has to be tried again (after `afterMs`), and discards or dead-letters
   * what has failed for good. An item's fault leaves its message to be delivered again.
   */
  settle(items: readonly SettledDelivery[]): Promise<readonly (Error | undefined)[]>
  /** Acknowledges what is done, where the queue needs no time for that: it saves a promise for each job. Absent: `settle` is asked. */
  acknowledge?(items: readonly SettledDelivery[]): void
  /**
   * Makes the deliveries expire `byMs` from now; absent where deliveries do not expire. An item's fault means that it is lost. Rejects
   * when the source could not be asked: it is then called again while there is time.
   */
  extend?(deliveries: readonly Delivery[], byMs: number): Promise<readonly (Error | undefined)[]>
  /**
   * Releases deliveries that were not run: at a stop, and the rest of a lane after a retry. They are delivered again at
   * once.
   */
  release(deliveries: readonly Delivery[]): Promise<void>
  /** Takes new messages; absent where a queue is only read. Rejects when one is refused. */
  push?(jobs: readonly NewJob[]): Promise<void>
  counts?(): Promise<SourceCounts>
  /** Name of the queue for people; absent: the pipeline's key `queue`, or its own name. */
  readonly queue?: string
  /** Age in ms of the oldest message that is ready to be delivered; undefined when none is. Absent where the queue cannot say. */
  oldestMs?(): number | undefined
  /** True where the queue moves what fails for good by a policy of its own (`guarantees.deadLetters`); absent: it has none. */
  keepsFailed?(): Promise<boolean>
  /** Hides deliveries that nobody is to run for now, for as long as the queue can; absent where they stay until they are settled. */
  park?(deliveries: readonly Delivery[]): Promise<readonly (Error | undefined)[]>
  /** Keeps what failed for good in the queue itself; absent: the plugin `jobs` keeps it, hidden by `park`, as long as it runs. */
  readonly failed?: FailedStore
  /** Closes connections. Called once, after everything was settled or released. */
  close(): Promise<void>
}
