/** The port of a queue that a mapping reads from: SQS as far as a mapping needs it. No behaviour lives here. */

/** A message attribute as SQS names it. */
export interface MessageAttribute {
  readonly dataType: string
  readonly stringValue?: string
  /** Base64. */
  readonly binaryValue?: string
}

/** What is sent. */
export interface NewMessage {
  readonly body: string
  readonly messageAttributes?: Readonly<Record<string, MessageAttribute>>
  /** Order within it on a FIFO queue; on a standard queue it only means fairness. */
  readonly group?: string
  /** FIFO: the same one within five minutes is swallowed. Absent: the body's own hash. */
  readonly deduplicationId?: string
  /** Standard queues only, at most 15 minutes. */
  readonly delayMs?: number
}

/** What is received: SQS's own names. */
export interface ReceivedMessage {
  readonly messageId: string
  readonly receiptHandle: string
  readonly body: string
  readonly md5OfBody: string
  readonly attributes: Readonly<Record<string, string>>
  readonly messageAttributes: Readonly<Record<string, MessageAttribute>>
}

/** How many messages there are, by where they are. */
export interface QueueCounts {
  readonly visible: number
  readonly inFlight: number
  readonly delayed: number
}

/** What a receive asks for. */
export interface ReceiveOptions {
  /** 1 to 10. */
  readonly max: number
  /** At most 20 s. */
  readonly waitMs: number
  readonly signal: AbortSignal
}

/** A queue. Every method rejects when the queue cannot be reached. */
export interface MessageQueue {
  readonly arn: string
  readonly isFifo: boolean
  /** Resolves with its id; rejects with RR_QUEUE_REFUSED when the queue does not take such a message. */
  send(message: NewMessage): Promise<string>
  /** Up to `max` messages, as soon as there is one; none when `signal` aborts or `waitMs` have gone by. */
  receive(options: ReceiveOptions): Promise<readonly ReceivedMessage[]>
  /** Acknowledges. A receipt that is no longer good is ignored: its message comes again. */
  delete(receiptHandles: readonly string[]): Promise<void>
  /** The message comes again after so long. A receipt that is no longer good, or whose time is over, is ignored. */
  changeVisibility(receiptHandle: string, afterMs: number): Promise<void>
  counts(): Promise<QueueCounts>
}
