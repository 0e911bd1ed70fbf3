/** The port of a queue whose messages are hidden while they are worked on, as SQS has it. No behaviour lives here. */

/** A message attribute as SQS names it. */
export interface MessageAttribute {
  readonly dataType: string
  readonly stringValue?: string
  /** Base64. */
  readonly binaryValue?: string
}

/** A message to send. */
export interface NewMessage {
  /** Bytes that are not text are refused by SQS. */
  readonly body: string | Uint8Array
  readonly messageAttributes?: Readonly<Record<string, MessageAttribute>>
  /** Order within it on a FIFO queue; on a standard queue it only means fairness. */
  readonly group?: string
  /** FIFO: a second message of the same id within five minutes is dropped. Absent: a hash of the body. */
  readonly deduplicationId?: string
  /** Standard queues only; SQS: at most 15 minutes. */
  readonly delayMs?: number
}

/** A message as it is received, in SQS's own names. */
export interface ReceivedMessage {
  readonly messageId: string
  readonly receiptHandle: string
  readonly body: string | Uint8Array
  readonly md5OfBody: string
  readonly attributes: Readonly<Record<string, string>>
  readonly messageAttributes: Readonly<Record<string, MessageAttribute>>
}

/** Number of messages, by where they are. */
export interface QueueCounts {
  readonly visible: number
  readonly inFlight: number
  readonly delayed: number
}

/** Properties of a queue that its owner sets. */
export interface QueueProperties {
  /** Ms that a received message stays hidden; infinite: until it is deleted or released. */
  readonly visibilityMs: number
  /** Messages that were received too often move to another queue. */
  readonly hasDeadLetters: boolean
}

/** Options of a receive. */
export interface ReceiveOptions {
  /** Maximum number of messages, 1 to 10. */
  readonly max: number
  /** Longest wait in ms; at most 20 s. */
  readonly waitMs: number
  /** Absent: the queue's own. */
  readonly visibilityMs?: number | undefined
  readonly signal: AbortSignal
}

/** A message that is to become visible after a time. */
export interface VisibilityChange {
  readonly receiptHandle: string
  readonly afterMs: number
}

/** The faults of a list, one entry an item in their order; undefined: it went well. */
export type ItemFaults = readonly (Error | undefined)[]

/** A queue. */
export interface MessageQueue {
  readonly arn: string
  readonly isFifo: boolean
  /** Resolves with the message's id. Rejects with RR_QUEUE_REFUSED when the queue does not take such a message, or when it cannot be reached. */
  send(message: NewMessage): Promise<string>
  /** Receives up to `max` messages as soon as there is one; none when `signal` aborts or `waitMs` have gone by. Rejects when it cannot be reached. */
  receive(options: ReceiveOptions): Promise<readonly ReceivedMessage[]>
  /**
   * Acknowledges messages. One whose receipt is stale, or for which the queue could not be reached, has a fault and is
   * delivered again.
   */
  delete(receiptHandles: readonly string[]): Promise<ItemFaults>
  /** Changes when messages become visible. A stale receipt, and one whose time is over, has a fault. */
  changeVisibility(changes: readonly VisibilityChange[]): Promise<ItemFaults>
  /** Rejects when the queue cannot be reached. */
  counts(): Promise<QueueCounts>
  /** Age in ms of the oldest visible message; undefined when none is. Absent where the queue cannot say. */
  oldestMs?(): number | undefined
  /** Rejects when the queue cannot be reached. */
  properties(): Promise<QueueProperties>
  /** Closes its connections. */
  close(): void
}
