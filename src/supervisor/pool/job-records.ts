/** Records jobs of one pool as they are sent to workers and get their outcomes: in the ledger, and as events. */
import type { Clock } from '../../core/clock.js'
import type { Job } from '../job.js'
import type { InFlightLedger, LedgerEntry } from '../ledger.js'
import type { Outcome } from '../worker/job/outcome.js'
import type { PoolEmitter } from './events.js'

/** Parts of the records. */
export interface JobRecordsOptions {
  readonly pool: string
  readonly clock: Clock
  readonly ledger: InFlightLedger | undefined
  readonly events: PoolEmitter
}

/** Records of one pool. They lie on the path of every job: nothing is allocated for a job that has no listener. */
export class JobRecords {
  readonly #options: JobRecordsOptions

  constructor(options: JobRecordsOptions) {
    this.#options = options
  }

  /** Records that a job is sent to a worker. Returns its ledger entry, for `settled`. */
  assigned(job: Job): LedgerEntry | undefined {
    const { pool, ledger, events } = this.#options
    if (events.has('assigned')) events.emit('assigned', { pool, job })
    const id = job.tags?.requestId
    return id === undefined ? undefined : ledger?.assigned(id)
  }

  /**
   * Returns the monotonic ms at which a job begins, for `settled`; undefined when no listener asks how long it takes.
   */
  startedAt(): number | undefined {
    const { events, clock } = this.#options
    return events.has('settled') ? clock.monotonicMs() : undefined
  }

  /** Records the outcome of a job. */
  settled(job: Job, entry: LedgerEntry | undefined, startedAt: number | undefined, outcome: Outcome): void {
    const { pool, clock, ledger, events } = this.#options
    if (entry !== undefined) {
      if (outcome.kind === 'unserved') ledger?.unassigned(entry)
      else ledger?.answered(entry)
    }
    if (startedAt === undefined) return
    events.emit('settled', { pool, job, outcome, tookMs: clock.monotonicMs() - startedAt })
  }
}
