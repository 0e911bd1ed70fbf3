/** Knows whether the queue of a pipeline can be reached: tells of a change in one line, and waits longer after each failure. */
import { type Clock, type Logger, messageOf, RelayError, sleep } from '../../index.js'
import { type RetryPolicy, waitMs } from './settling/fate.js'

/** Options of a link. */
interface QueueLinkOptions {
  readonly pipeline: string
  readonly driver: string
  readonly clock: Clock
  readonly random: () => number
  readonly log: Logger
}

/** Call that a queue has not answered. */
type QueueCall = 'pull' | 'count'

const policy: RetryPolicy = { max: 0, backoff: 200, jitter: 0.2 }
const waitMsMax = 30_000

/** The link to one queue. */
export class QueueLink {
  readonly #options: QueueLinkOptions
  #error: string | undefined
  #failures = 0
  /** The call whose failure counts: that of a pull outweighs that of a count. */
  #failedCall: QueueCall = 'count'

  constructor(options: QueueLinkOptions) {
    this.#options = options
  }

  /** Why the queue cannot be reached; undefined while it can. */
  get error(): string | undefined {
    return this.#error
  }

  /** The queue has answered. */
  reached(): void {
    this.#failures = 0
    if (this.#error === undefined) return
    this.#error = undefined
    const { pipeline, driver, log } = this.#options
    log.info({ pipeline, driver }, 'a pipeline reaches its queue again')
  }

  /** The queue has counted its jobs. While it is pulled from, that says nothing about a pull which failed. */
  counted(isPulled: boolean): void {
    if (!isPulled || this.#failedCall === 'count') this.reached()
  }

  /** The queue has not answered. */
  failed(error: unknown, call: QueueCall = 'pull'): void {
    const { pipeline, driver, log } = this.#options
    const isNew = this.#error === undefined
    if (isNew || call === 'pull') this.#failedCall = call
    this.#failures += 1
    this.#error = messageOf(error)
    if (!isNew) return
    const { code, hint } = error instanceof RelayError ? error : { code: undefined, hint: undefined }
    const about = { ...(code === undefined ? {} : { code }), ...(hint === undefined ? {} : { hint }) }
    log.warn(
      { pipeline, driver, error: this.#error, ...about },
      'a pipeline cannot reach its queue, trying again',
    )
  }

  /** Waits before the next try: 0.2 s, doubled with each failure up to 30 s; less when `signal` aborts. */
  pause(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options
    return sleep(clock, Math.min(waitMsMax, waitMs(this.#failures, policy, random)), signal)
  }
}
