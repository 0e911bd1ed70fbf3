/**
 * Shows a record that the server gave up to a worker once (`lambda.failed: worker`), so that the application settles what hangs on it: its own
 * table of failures, locks, counters. The worker is one that boots for it, since the record may have killed others; it must have announced
 * that it knows such records, or it would run it like any other.
 */
import { Codec, ErrorCode, hasCode, type Logger, messageOf, type Pool, RelayError } from '../../../index.js'
import { readVerdict } from '../../../work/protocols/raw.js'
import type { EventTags } from '../modes/mode.js'
import type { ContextMaker } from '../plan/context.js'
import type { RecordPlan } from '../plan/record.js'

/** The feature that a worker announces for records that were given up. */
const givenUpFeature = 'given_up'
/** Records that are remembered at most: what was shown once is not shown again. */
const rememberedMax = 10_000

/** A record to show. */
export interface ShownRecord {
  readonly record: RecordPlan
  readonly contexts: ContextMaker
  readonly reason: string
  readonly job: string
  readonly tags: EventTags
  /** Wall-clock ms at which the event is answered whatever is finished. */
  readonly endMs: number | undefined
}

/** Shows records, one after the other: each needs a worker of its own. */
export class LastWord {
  readonly #pool: Pool
  readonly #log: Logger
  /** By a record's name: whether a worker has settled it. Absent: it may be shown. */
  readonly #shown = new Map<string, boolean>()
  #isKnown = true
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: { readonly pool: Pool; readonly log: Logger }) {
    this.#pool = options.pool
    this.#log = options.log
  }

  /** Resolves with true when a worker has settled the record, now or before. Never rejects. */
  show(shown: ShownRecord): Promise<boolean> {
    const settled = this.#last.then(() => this.#show(shown))
    this.#last = settled
    return settled
  }

  async #show(shown: ShownRecord): Promise<boolean> {
    const { record, contexts, reason, job, tags, endMs } = shown
    const known = this.#shown.get(record.name)
    if (known !== undefined || !this.#isKnown) return known === true
    const options = { feature: givenUpFeature, ...(endMs === undefined ? {} : { deadlineMs: endMs }) }
    const context = contexts.ofGivenUp(record, reason)
    try {
      const reply = await this.#pool.runAlone(
        { context, body: record.body, codec: Codec.raw, id: `${job}/given_up`, tags },
        options,
      )
      const verdict = readVerdict(reply)
      if (verdict.kind !== 'retry') this.#remember(record.name, verdict.kind === 'done')
      if (verdict.kind === 'done') return true
      this.#log.warn(
        { job, ...tags, error: verdict.why.message },
        'a worker did not settle a record that was given up',
      )
    } catch (error) {
      if (error instanceof RelayError && error.details.feature === givenUpFeature) this.#isKnown = false
      else if (hasCode(error, ErrorCode.WorkerCrashed)) this.#remember(record.name, false)
      const what = this.#isKnown
        ? 'a record that was given up could not be shown to a worker'
        : 'records that are given up are left to the queue: no worker announced `given_up`, which `lambda.failed: worker` needs'
      this.#log.warn({ job, ...tags, error: messageOf(error) }, what)
    }
    return false
  }

  #remember(name: string, isSettled: boolean): void {
    this.#shown.set(name, isSettled)
    const [oldest] = this.#shown.keys()
    if (this.#shown.size > rememberedMax && oldest !== undefined) this.#shown.delete(oldest)
  }
}
