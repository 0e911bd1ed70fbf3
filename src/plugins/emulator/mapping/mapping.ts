/**
 * An event-source mapping: reads a queue in batches, invokes the function with what AWS would send it, and deletes what its answer
 * allows. What failed stays in the queue until its visibility runs out.
 */
import { type Clock, type Logger, messageOf, sleep } from '../../../index.js'
import { type Invoked, readBatchAnswer } from './answer.js'
import type { Queue, Received } from './queue.js'

/** What a mapping is made of. */
export interface MappingOptions {
  readonly queue: Queue
  readonly batchSize: number
  /** How long a batch may wait to become full; 0 sends what is there. */
  readonly windowMs: number
  /** Batches at once. */
  readonly concurrency: number
  readonly reportsFailures: boolean
  readonly invoke: (event: Buffer) => Promise<Invoked>
  readonly clock: Clock
  readonly log: Logger
  /** Told of each batch once it is over. */
  readonly onBatch?: (batch: BatchFacts) => void
}

/** One batch, for the log and for whoever keeps the books. */
export interface BatchFacts {
  readonly delivered: readonly string[]
  readonly deleted: readonly string[]
  readonly failed: readonly string[]
  readonly problem: string | undefined
}

// The payload of an invocation: the batch is cut before it.
const eventBytesMax = 6 * 1024 * 1024
const pollMs = 20_000
const receiveMax = 10
const lostMs = 1000

/** A running mapping. */
export class Mapping {
  readonly #options: MappingOptions
  readonly #stopped = new AbortController()
  readonly #loops: Promise<void>[]

  constructor(options: MappingOptions) {
    this.#options = options
    this.#loops = Array.from({ length: options.concurrency }, () => this.#run())
  }

  /** Takes no further batch; resolves when those at work are over. */
  async stop(): Promise<void> {
    this.#stopped.abort()
    await Promise.all(this.#loops)
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#options
    const { signal } = this.#stopped
    while (!signal.aborted) {
      try {
        const batch = await this.#collect()
        if (batch.length > 0) await this.#deliver(batch)
      } catch (error) {
        log.warn({ error: messageOf(error) }, 'the queue could not be reached, trying again')
        await sleep(clock, lostMs, signal)
      }
    }
  }

  /** A batch: the first message is waited for, the others only as long as the window is open. */
  async #collect(): Promise<readonly Received[]> {
    const { queue, batchSize, windowMs, clock } = this.#options
    const { signal } = this.#stopped
    const take = (have: number, waitMs: number) =>
      queue.receive({ max: Math.min(receiveMax, batchSize - have), waitMs, signal })
    const batch = [...(await take(0, pollMs))]
    const endMs = clock.nowMs() + windowMs
    let bytes = batch.reduce((sum, message) => sum + bytesOf(message), 0)
    while (batch.length > 0 && batch.length < batchSize && bytes < eventBytesMax / 2) {
      const more = await take(batch.length, Math.max(0, endMs - clock.nowMs()))
      if (more.length === 0) break
      batch.push(...more)
      bytes += more.reduce((sum, message) => sum + bytesOf(message), 0)
    }
    return batch
  }

  async #deliver(batch: readonly Received[]): Promise<void> {
    const { queue } = this.#options
    const [first = [], ...others] = cut(batch)
    await this.#invoke(first)
    for (const part of others) {
      // What failed in the first part must come before what follows it in its group: let the queue put them in order again.
      if (queue.isFifo)
        await Promise.all(part.map(({ receiptHandle }) => queue.changeVisibility(receiptHandle, 0)))
      else await this.#invoke(part)
    }
  }

  async #invoke(batch: readonly Received[]): Promise<void> {
    const { queue, invoke, reportsFailures, log, onBatch } = this.#options
    const delivered = batch.map(({ messageId }) => messageId)
    const answer = await invoke(Buffer.from(JSON.stringify(sqsEvent(batch, queue.arn))))
    const { failed, problem } = readBatchAnswer(answer, delivered, reportsFailures)
    const done = batch.filter(({ messageId }) => !failed.has(messageId))
    await Promise.all(done.map(({ receiptHandle }) => queue.delete(receiptHandle)))
    const deleted = done.map(({ messageId }) => messageId)
    onBatch?.({ delivered, deleted, failed: [...failed], problem })
    const fields = { delivered: delivered.length, deleted: deleted.length, failed: failed.size }
    log.info(problem === undefined ? fields : { ...fields, problem }, 'a batch of the queue is over')
  }
}

function bytesOf({ body }: Received): number {
  // The other keys of a record come to some 700 bytes; escaping may double a body.
  return 2 * Buffer.byteLength(body) + 1024
}

/** No event is over 6 MB. */
function cut(batch: readonly Received[]): readonly (readonly Received[])[] {
  const parts: Received[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const message of batch) {
    bytes += bytesOf(message)
    if (bytes > eventBytesMax) {
      parts.push([])
      bytes = bytesOf(message)
    }
    parts.at(-1)?.push(message)
  }
  return parts
}

/** The event as AWS shapes it. */
export function sqsEvent(batch: readonly Received[], arn: string): object {
  const awsRegion = arn.split(':')[3] ?? ''
  return {
    Records: batch.map((message) => ({
      ...message,
      messageAttributes: Object.fromEntries(
        Object.entries(message.messageAttributes).map(([name, value]) => [
          name,
          { ...value, stringListValues: [], binaryListValues: [] },
        ]),
      ),
      eventSource: 'aws:sqs',
      eventSourceARN: arn,
      awsRegion,
    })),
  }
}
