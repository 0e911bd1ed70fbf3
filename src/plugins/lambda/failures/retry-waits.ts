/**
 * Grants the waits that workers ask for (`after_ms`) to records of SQS, by changing their visibility (`lambda.retry`). The calls run beside
 * the batch and never decide whether a record is reported as failed: one that fails leaves it to the queue's visibility timeout.
 */
import { type Clock, type Logger, messageOf } from '../../../index.js'

/** A record whose visibility is to change. */
export interface WaitEntry {
  readonly receiptHandle: string
  readonly seconds: number
}

/**
 * Changes the visibility of up to ten records of the queue of an ARN. Resolves with a fault for each that was refused; rejects when the
 * queue could not be asked, with a TimeoutError when `signal` aborted.
 */
export type ChangeVisibility = (
  arn: string,
  entries: readonly WaitEntry[],
  signal: AbortSignal,
) => Promise<readonly (string | undefined)[]>

/** Options of the waits. */
export interface RetryWaitsOptions {
  /** Loads the client; undefined where it is not installed. Called with the first wait. */
  readonly load: () => Promise<ChangeVisibility | undefined>
  readonly clock: Clock
  readonly log: Logger
}

/** Longest visibility of SQS, from the receipt of a message. */
const visibilitySecondsMax = 43_200
/** Records of one call; SQS's limit. */
const entriesMax = 10
/** Longest time that an answer waits for its calls. */
const answerWaitMsMax = 1000
/** Longest time of a call: a late one is known when its answer goes out. */
const callMsMax = 900
/** Time-outs in a row after which no further call is made. */
const timeoutsMax = 2

/** The waits of all events. */
export class RetryWaits {
  readonly #options: RetryWaitsOptions
  #change: Promise<ChangeVisibility | undefined> | undefined
  #timeouts = 0
  #isRefusalTold = false

  constructor(options: RetryWaitsOptions) {
    this.#options = options
  }

  /** The waits of one event, which was received now. */
  begin(): EventWaits {
    const { clock } = this.#options
    return new EventWaits({ clock, ask: (arn, entries) => this.#ask(arn, entries) })
  }

  async #ask(arn: string, entries: readonly WaitEntry[]): Promise<void> {
    if (this.#timeouts >= timeoutsMax) return
    this.#change ??= this.#options.load()
    const change = await this.#change
    if (change === undefined) return
    const signal = AbortSignal.timeout(callMsMax)
    try {
      const faults = await change(arn, entries, signal)
      this.#timeouts = 0
      const fault = faults.find((one) => one !== undefined)
      if (fault !== undefined) this.#tellRefusal(arn, fault)
    } catch (error) {
      if (signal.aborted) this.#countTimeout(arn)
      else this.#tellRefusal(arn, messageOf(error))
    }
  }

  #countTimeout(arn: string): void {
    this.#timeouts += 1
    if (this.#timeouts !== timeoutsMax) return
    this.#options.log.warn(
      { queue: arn, limitMs: callMsMax },
      'SQS did not answer twice in a row: waits that workers ask for are no longer granted, and records wait for the visibility timeout',
    )
  }

  #tellRefusal(arn: string, error: string): void {
    if (this.#isRefusalTold) return
    this.#isRefusalTold = true
    this.#options.log.warn(
      { queue: arn, error },
      'SQS refused a wait that a worker asked for: the record waits for the visibility timeout; allow sqs:ChangeMessageVisibility, or set `lambda.retry: log`',
    )
  }
}

/** The waits of one event. */
export class EventWaits {
  readonly #clock: Clock
  readonly #ask: (arn: string, entries: readonly WaitEntry[]) => Promise<void>
  readonly #receivedMs: number
  readonly #calls: Promise<void>[] = []
  /** Asked for in this turn of the event loop, by queue. */
  #asked = new Map<string, WaitEntry[]>()

  constructor(options: {
    readonly clock: Clock
    readonly ask: (arn: string, entries: readonly WaitEntry[]) => Promise<void>
  }) {
    this.#clock = options.clock
    this.#ask = options.ask
    this.#receivedMs = options.clock.nowMs()
  }

  /** Asks that a record wait. Anything but a record of SQS is passed over: no other source can grant it. */
  grant(record: object, afterMs: number): void {
    const { eventSource, eventSourceARN: arn, receiptHandle } = record as Readonly<Record<string, unknown>>
    if (eventSource !== 'aws:sqs' || typeof arn !== 'string' || typeof receiptHandle !== 'string') return
    const ageSeconds = Math.ceil((this.#clock.nowMs() - this.#receivedMs) / 1000)
    const seconds = Math.min(Math.ceil(afterMs / 1000), visibilitySecondsMax - ageSeconds)
    if (this.#asked.size === 0) setImmediate(() => this.#send())
    const entries = this.#asked.get(arn)
    if (entries === undefined) this.#asked.set(arn, [{ receiptHandle, seconds }])
    else entries.push({ receiptHandle, seconds })
  }

  /** Resolves when all calls have ended, or after a second, or after `limitMs`, whichever comes first. */
  async settled(limitMs: number): Promise<void> {
    this.#send()
    const waitMs = Math.min(answerWaitMsMax, limitMs)
    if (this.#calls.length === 0 || waitMs <= 0) return
    await new Promise<void>((resolve) => {
      const timer = this.#clock.timer(waitMs, resolve)
      void Promise.all(this.#calls).then(() => {
        timer.clear()
        resolve()
      })
    })
  }

  #send(): void {
    const asked = this.#asked
    this.#asked = new Map()
    for (const [arn, entries] of asked)
      for (let at = 0; at < entries.length; at += entriesMax)
        this.#calls.push(this.#ask(arn, entries.slice(at, at + entriesMax)))
  }
}
