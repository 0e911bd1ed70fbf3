/**
 * Shows a delivery that the server gave up to a worker once (`failed: worker`), so that the application settles what hangs on it: its own
 * table of failures, locks, counters. The worker is one that boots for it, since the delivery may have killed others; it must have announced
 * that it knows such deliveries, or it would run it like any other.
 */
import { Codec, ErrorCode, hasCode, type Logger, messageOf, type Pool, RelayError } from '../index.js'
import { readVerdict } from './protocols/raw.js'

/** The feature that a worker announces for what was given up. */
const givenUpFeature = 'given_up'
/** Deliveries that are remembered at most: what was shown once is not shown again. */
const rememberedMax = 10_000

/** A delivery to show. */
export interface ShownDelivery {
  /** Name of its message, by which it is known when it comes again. */
  readonly name: string
  /** Context of the kind `given_up`, as JSON. */
  readonly context: string
  readonly body: string | Uint8Array
  /** Name of the job in the log. */
  readonly job: string
  /** Members of its lines in the log. */
  readonly tags: Readonly<Record<string, string>>
  /** Wall-clock ms at which the worker is cut off. */
  readonly deadlineMs: number | undefined
}

/** Options of a last word. */
export interface LastWordOptions {
  readonly pool: Pool
  readonly log: Logger
  /** Key of the configuration that asks for it, such as `lambda.failed`. */
  readonly key: string
}

/** Shows deliveries, one after the other: each needs a worker of its own. */
export class LastWord {
  readonly #options: LastWordOptions
  /** By name: whether a worker has settled it. Absent: it may be shown. */
  readonly #shown = new Map<string, boolean>()
  #isKnown = true
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: LastWordOptions) {
    this.#options = options
  }

  /** Resolves with true when a worker has settled the delivery, now or before. Never rejects. */
  show(shown: ShownDelivery): Promise<boolean> {
    const settled = this.#last.then(() => this.#show(shown))
    this.#last = settled
    return settled
  }

  /** Forgets a message that is to be run again, as after a redrive: it may be shown once more. */
  forget(name: string): void {
    this.#shown.delete(name)
  }

  async #show({ name, context, body, job, tags, deadlineMs }: ShownDelivery): Promise<boolean> {
    const { pool, log, key } = this.#options
    const known = this.#shown.get(name)
    if (known !== undefined || !this.#isKnown) return known === true
    const options = { feature: givenUpFeature, ...(deadlineMs === undefined ? {} : { deadlineMs }) }
    try {
      const reply = await pool.runAlone(
        { context, body, codec: Codec.raw, id: `${job}/given_up`, tags },
        options,
      )
      const verdict = readVerdict(reply)
      if (verdict.kind !== 'retry') this.#remember(name, verdict.kind === 'done')
      if (verdict.kind === 'done') return true
      log.warn(
        { job, ...tags, error: verdict.why.message },
        'a worker did not settle a record that was given up',
      )
    } catch (error) {
      if (error instanceof RelayError && error.details.feature === givenUpFeature) this.#isKnown = false
      else if (hasCode(error, ErrorCode.WorkerCrashed)) this.#remember(name, false)
      const what = this.#isKnown
        ? 'a record that was given up could not be shown to a worker'
        : `records that are given up are left to the queue: no worker announced \`given_up\`, which \`${key}: worker\` needs`
      log.warn({ job, ...tags, error: messageOf(error) }, what)
    }
    return false
  }

  #remember(name: string, isSettled: boolean): void {
    this.#shown.set(name, isSettled)
    const [oldest] = this.#shown.keys()
    if (this.#shown.size > rememberedMax && oldest !== undefined) this.#shown.delete(oldest)
  }
}
