/**
 * An event-source mapping: reads a queue in batches, invokes the function with the event that AWS would send, and deletes
 * the messages that its answer allows. Failed messages stay in the queue until their visibility timeout ends.
 */
import { type Clock, type Logger, messageOf, sleep } from '../../../index.js'
import type { Source } from '../../../work/source.js'
import { FaultKind, type Verdict } from '../../../work/verdict.js'
import { type Invoked, readBatchAnswer } from './read-batch-answer.js'
import { cutBatch, type EventRecord, eventBytesMax, sqsEvent, sqsRecord } from './sqs-event.js'

/** Options of a mapping. */
export interface EventSourceMappingOptions {
  readonly source: Pick<Source, 'pull' | 'settle' | 'release'>
  /** ARN of the queue, for the log. */
  readonly queue: string
  readonly batchSize: number
  /** Ms that a batch may wait to become full; 0 sends what is there. */
  readonly windowMs: number
  /** Batches at once. */
  readonly concurrency: number
  readonly reportsFailures: boolean
  /** Ms until failed messages are delivered again; absent: when their visibility timeout ends, as on AWS. */
  readonly retryMs?: number | undefined
  /** Ms that a received message stays hidden, where it is known. */
  readonly visibilityMs?: number | undefined
  readonly invoke: (event: Buffer) => Promise<Invoked>
  readonly clock: Clock
  readonly log: Logger
  /** Called for each batch once it has ended. */
  readonly onBatch?: (batch: BatchFacts) => void
}

/** Result of one batch, for the log and for statistics. */
export interface BatchFacts {
  readonly delivered: readonly string[]
  readonly deleted: readonly string[]
  readonly failed: readonly string[]
  readonly problem: string | undefined
}

const pollMs = 20_000
const lostMs = 1000

/** A running mapping. */
export class EventSourceMapping {
  readonly #options: EventSourceMappingOptions
  readonly #stopped = new AbortController()
  readonly #loops: Promise<unknown>

  constructor(options: EventSourceMappingOptions) {
    this.#options = options
    this.#loops = Promise.all(Array.from({ length: options.concurrency }, () => this.#run()))
  }

  /**
   * Takes no further batch; resolves when the running ones have ended. Messages that the function did not get are released.
   */
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
        if (signal.aborted) await this.#release(batch)
        else if (batch.length > 0) await this.#deliver(batch)
      } catch (error) {
        if (signal.aborted)
          log.warn({ error: messageOf(error) }, 'the queue was left with messages in flight')
        else log.warn({ queue, error: messageOf(error) }, 'the queue failed, trying again')
        await sleep(clock, lostMs, signal)
      }
    }
  }

  /** Collects a batch: waits for its first message, and for others only while the window is open. */
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

  /**
   * Receives further messages; when the queue fails meanwhile, the batch stays smaller, and the next poll reports it.
   */
  async #more(batch: readonly EventRecord[], waitMs: number): Promise<EventRecord[]> {
    try {
      return await this.#receive(this.#options.batchSize - batch.length, waitMs)
    } catch (error) {
      this.#options.log.warn({ error: messageOf(error) }, 'the queue failed while a batch was being filled')
      return []
    }
  }

  async #receive(max: number, waitMs: number): Promise<EventRecord[]> {
    const { source } = this.#options
    return (await source.pull(max, this.#stopped.signal, Math.min(pollMs, waitMs))).map(sqsRecord)
  }

  async #deliver(batch: readonly EventRecord[]): Promise<void> {
    const [first = [], ...others] = cutBatch(batch)
    await this.#invoke(first)
    for (const part of others) {
      const isOrdered = part.some(({ delivery }) => delivery.lane !== undefined)
      // A message that failed in the first part must come before the later ones of its lane: the queue restores that
      // order.
      if (isOrdered || this.#stopped.signal.aborted) await this.#release(part)
      else await this.#invoke(part)
    }
  }

  async #invoke(batch: readonly EventRecord[]): Promise<void> {
    const { invoke, reportsFailures, log, onBatch } = this.#options
    const delivered = batch.map(({ delivery }) => delivery.id)
    const receivedMs = this.#options.clock.nowMs()
    const answer = await invoke(sqsEvent(batch))
    if (answer.kind === 'unrun') return this.#release(batch)
    const { failed, problem, ignoredCount = 0 } = readBatchAnswer(answer, delivered, reportsFailures)
    const deleted = await this.#settle(batch, failed)
    onBatch?.({ delivered, deleted, failed: [...failed], problem })
    const again = failed.size === 0 ? {} : this.#nextDelivery(receivedMs)
    const fields = { delivered: delivered.length, deleted: deleted.length, failed: failed.size, ...again }
    if (problem !== undefined) log.warn({ ...fields, problem }, 'a whole batch of the queue failed')
    else if (ignoredCount > 0) log.warn({ ...fields, ignored: ignoredCount }, lostText)
    else log.info(fields, 'a batch of the queue is over')
  }

  /** Time at which failed messages are delivered again. */
  #nextDelivery(receivedMs: number): { readonly comesAgainAt?: string; readonly inSeconds?: number } {
    const { retryMs, visibilityMs, clock } = this.#options
    const nowMs = clock.nowMs()
    const atMs = retryMs === undefined ? receivedMs + (visibilityMs ?? Number.NaN) : nowMs + retryMs
    if (!Number.isFinite(atMs)) return {}
    const comesAgainAt = new Date(atMs).toISOString()
    return { comesAgainAt, inSeconds: Math.max(0, Math.round((atMs - nowMs) / 1000)) }
  }

  /** Settles a batch; returns the ids of the deleted messages. */
  async #settle(batch: readonly EventRecord[], failed: ReadonlySet<string>): Promise<readonly string[]> {
    const { source, queue, log, retryMs } = this.#options
    const isDone = (id: string) => !failed.has(id)
    const items = batch.map(({ delivery }) => {
      return { delivery, verdict: isDone(delivery.id) ? doneVerdict : retryVerdict(retryMs) }
    })
    const faults = await source.settle(items)
    const [fault] = faults.filter((one) => one !== undefined)
    if (fault !== undefined) log.warn({ queue, error: fault.message }, 'messages could not be deleted')
    return batch.map(({ delivery }) => delivery.id).filter((id, at) => isDone(id) && faults[at] === undefined)
  }

  /** Releases a batch that the function did not get. */
  #release(batch: readonly EventRecord[]): Promise<void> {
    return this.#options.source.release(batch.map(({ delivery }) => delivery))
  }
}

const doneVerdict: Verdict = { kind: 'done', body: new Uint8Array() }

function retryVerdict(afterMs: number | undefined): Verdict {
  const why = { kind: FaultKind.retry, message: 'the function’s answer names it' }
  return { kind: 'retry', why, ...(afterMs === undefined ? {} : { afterMs }) }
}

const lostText = 'messages that the answer named as failed were deleted: the mapping does not report failures'

function bytesOf(batch: readonly EventRecord[]): number {
  return batch.reduce((sum, { bytes }) => sum + bytes, 0)
}
