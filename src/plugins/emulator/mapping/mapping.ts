/**
 * An event-source mapping: reads a queue in batches, invokes the function with what AWS would send it, and deletes what its answer
 * allows. What failed stays in the queue until its visibility runs out.
 */
import { type Clock, type Logger, messageOf, sleep } from '../../../index.js'
import type { MessageQueue } from '../../../work/queues/queue.js'
import { type Invoked, readBatchAnswer } from './answer.js'
import { cutBatch, type EventRecord, eventBytesMax, eventOf, recordOf } from './event.js'

/** What a mapping is made of. */
export interface MappingOptions {
  readonly queue: MessageQueue
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

const pollMs = 20_000
const receiveMax = 10
const lostMs = 1000

/** A running mapping. */
export class Mapping {
  readonly #options: MappingOptions
  readonly #stopped = new AbortController()
  readonly #loops: Promise<unknown>

  constructor(options: MappingOptions) {
    this.#options = options
    this.#loops = Promise.all(Array.from({ length: options.concurrency }, () => this.#run()))
  }

  /** Takes no further batch; resolves when those at work are over. What no function was given is handed back. */
  async stop(): Promise<void> {
    this.#stopped.abort()
    await this.#loops
  }

  async #run(): Promise<void> {
    const { clock, log, queue } = this.#options
    const { signal } = this.#stopped
    while (!signal.aborted) {
      try {
        const batch = await this.#collect()
        if (signal.aborted) await this.#handBack(batch)
        else if (batch.length > 0) await this.#deliver(batch)
      } catch (error) {
        if (signal.aborted)
          log.warn({ error: messageOf(error) }, 'the queue was left with messages in flight')
        else log.warn({ queue: queue.arn, error: messageOf(error) }, 'the queue failed, trying again')
        await sleep(clock, lostMs, signal)
      }
    }
  }

  /** A batch: the first message is waited for, the others only as long as the window is open. */
  async #collect(): Promise<readonly EventRecord[]> {
    const { batchSize, windowMs, clock } = this.#options
    const batch = await this.#receive(batchSize, pollMs)
    const endMs = clock.nowMs() + windowMs
    let bytes = bytesOf(batch)
    while (batch.length > 0 && batch.length < batchSize && bytes < eventBytesMax) {
      const waitMs = Math.max(0, endMs - clock.nowMs())
      const more = await this.#more(batch, waitMs)
      // A long poll ends after 20 s, and a window may be open for 300.
      if (more.length === 0 && (waitMs <= pollMs || this.#stopped.signal.aborted)) break
      batch.push(...more)
      bytes += bytesOf(more)
    }
    return batch
  }

  /** What has been received is not lost to a queue that goes away meanwhile: the batch is smaller, and the next poll tells. */
  async #more(batch: readonly EventRecord[], waitMs: number): Promise<EventRecord[]> {
    try {
      return await this.#receive(this.#options.batchSize - batch.length, waitMs)
    } catch (error) {
      this.#options.log.warn({ error: messageOf(error) }, 'the queue failed while a batch was being filled')
      return []
    }
  }

  async #receive(max: number, waitMs: number): Promise<EventRecord[]> {
    const { queue } = this.#options
    const { signal } = this.#stopped
    const options = { max: Math.min(receiveMax, max), waitMs: Math.min(pollMs, waitMs), signal }
    return (await queue.receive(options)).map((message) => recordOf(message, queue.arn))
  }

  async #deliver(batch: readonly EventRecord[]): Promise<void> {
    const { queue } = this.#options
    const [first = [], ...others] = cutBatch(batch)
    await this.#invoke(first)
    for (const part of others) {
      // What failed in the first part must come before what follows it in its group: let the queue put them in order again.
      if (queue.isFifo || this.#stopped.signal.aborted) await this.#handBack(part)
      else await this.#invoke(part)
    }
  }

  async #invoke(batch: readonly EventRecord[]): Promise<void> {
    const { queue, invoke, reportsFailures, log, onBatch } = this.#options
    const delivered = batch.map(({ message }) => message.messageId)
    const answer = await invoke(eventOf(batch))
    if (answer.kind === 'unrun') return this.#handBack(batch)
    const { failed, problem, ignoredCount = 0 } = readBatchAnswer(answer, delivered, reportsFailures)
    const done = batch.map(({ message }) => message).filter(({ messageId }) => !failed.has(messageId))
    if (done.length > 0) await queue.delete(done.map(({ receiptHandle }) => receiptHandle))
    const deleted = done.map(({ messageId }) => messageId)
    onBatch?.({ delivered, deleted, failed: [...failed], problem })
    const fields = { delivered: delivered.length, deleted: deleted.length, failed: failed.size }
    if (problem !== undefined) log.warn({ ...fields, problem }, 'a whole batch of the queue failed')
    else if (ignoredCount > 0) log.warn({ ...fields, ignored: ignoredCount }, lostText)
    else log.info(fields, 'a batch of the queue is over')
  }

  /** Visible again at once. The last first: on a FIFO queue nobody may see a message while one before it is still hidden. */
  async #handBack(batch: readonly EventRecord[]): Promise<void> {
    for (const { message } of [...batch].reverse())
      await this.#options.queue.changeVisibility(message.receiptHandle, 0)
  }
}

const lostText = 'messages that the answer named as failed were deleted: the mapping does not report failures'

function bytesOf(batch: readonly EventRecord[]): number {
  return batch.reduce((sum, { bytes }) => sum + bytes, 0)
}
