/**
 * Records accepted, assigned, answered and acknowledged work by id, with counts that must balance: accepted = open + acknowledged +
 * returned. Sources say what they accept and how it ended, pools what they run. Holds the open entries and the last ended ones; what
 * does not add up is an error in the log, RR_LEDGER_VIOLATION.
 */
import type { Clock } from '../core/clock.js'
import { ErrorCode, RelayError } from '../core/errors.js'
import type { Logger } from '../logging/logger.js'

/** End of an entry. */
export type LedgerEnd = 'done' | 'failed' | 'given up' | 'returned'

/** One thing that was accepted. */
export interface LedgerEntry {
  readonly id: string
  /** Wall-clock ms. */
  readonly acceptedAtMs: number
  /** Number of jobs that were sent to workers for the entry: one for an event, several for a batch. */
  assigned: number
  /** Assigned jobs with an outcome of any kind. */
  answered: number
  end: LedgerEnd | undefined
  /** Why it ended without an answer of a worker, or was not done. */
  reason: string | undefined
}

/** Counts since the start. */
export interface LedgerCounts {
  readonly accepted: number
  readonly open: number
  readonly acknowledged: number
  readonly returned: number
  readonly assigned: number
  readonly answered: number
  readonly violations: number
}

/** Content of the ledger. */
export interface LedgerView {
  readonly counts: LedgerCounts
  readonly open: readonly LedgerEntry[]
  /** The last ended ones, oldest first. */
  readonly ended: readonly LedgerEntry[]
}

/** Ledger as plugins see it. */
export interface LedgerService {
  /** Records an entry that will be acknowledged or returned. */
  accepted(id: string): void
  /** Records that an entry ended and its source was told; `done` without an answer of a worker needs a reason. */
  acknowledged(id: string, end: 'done' | 'failed' | 'given up', reason?: string): void
  /** Records that an entry goes back to its source unacknowledged. */
  returned(id: string, reason: string): void
  view(): LedgerView
}

/** An entry as it is kept: it becomes that of another id once it is forgotten. */
type OwnEntry = { -readonly [K in keyof LedgerEntry]: LedgerEntry[K] }

/** Ended entries that are kept. */
export const endedMax = 256

/** Ledger of a server. */
export class InFlightLedger implements LedgerService {
  readonly #options: { readonly clock: Clock; readonly log: Logger }
  /** Open entries but the newest. */
  readonly #open = new Map<string, OwnEntry>()
  /**
   * The entry that was accepted last, while it is open. Events mostly come one after the other, and a map that is emptied with each of them
   * gets a new table from V8 each time, in the old heap.
   */
  #newest: OwnEntry | undefined
  readonly #ended: OwnEntry[] = []
  /** The entry that was forgotten last, for the next one: entries live long enough to end in the old heap. */
  #spare: OwnEntry | undefined
  #next = 0
  #accepted = 0
  #acknowledged = 0
  #returned = 0
  #assigned = 0
  #answered = 0
  #violations = 0

  constructor(options: { readonly clock: Clock; readonly log: Logger }) {
    this.#options = options
  }

  accepted(id: string): void {
    if (this.#find(id) !== undefined) {
      this.#violation(id, 'was accepted twice')
      return
    }
    this.#accepted += 1
    const acceptedAtMs = this.#options.clock.nowMs()
    if (this.#newest !== undefined) this.#open.set(this.#newest.id, this.#newest)
    this.#newest = this.#entryOf(id, acceptedAtMs)
  }

  acknowledged(id: string, end: 'done' | 'failed' | 'given up', reason?: string): void {
    const entry = this.#end(id, end, reason)
    if (entry === undefined) return
    this.#acknowledged += 1
    if (reason === undefined && entry.answered === 0)
      this.#violation(id, 'was acknowledged without an answer and without a reason')
    this.#balance()
  }

  returned(id: string, reason: string): void {
    if (this.#end(id, 'returned', reason) === undefined) return
    this.#returned += 1
    this.#balance()
  }

  /** Called by pools when a job of `id` is sent to a worker. Pass the returned entry to `answered` or `unassigned`. */
  assigned(id: string): LedgerEntry | undefined {
    // One that has ended may have had a job in line still.
    const entry = this.#find(id) ?? this.#ended.find((one) => one.id === id)
    if (entry === undefined) {
      this.#violation(id, 'was assigned and never accepted')
      return undefined
    }
    entry.assigned += 1
    this.#assigned += 1
    return entry
  }

  /** Called by pools when that job has its outcome, which may be after the entry ended, e.g. at its deadline. */
  answered(entry: LedgerEntry): void {
    entry.answered += 1
    this.#answered += 1
    if (entry.answered > entry.assigned) this.#violation(entry.id, 'was answered more often than assigned')
  }

  /** Called by pools when the worker left without running that job, which goes to another worker. */
  unassigned(entry: LedgerEntry): void {
    entry.assigned -= 1
    this.#assigned -= 1
  }

  view(): LedgerView {
    const kept = [...this.#ended.slice(this.#next), ...this.#ended.slice(0, this.#next)]
    const counts = {
      accepted: this.#accepted,
      open: this.#openCount,
      acknowledged: this.#acknowledged,
      returned: this.#returned,
      assigned: this.#assigned,
      answered: this.#answered,
      violations: this.#violations,
    }
    const open = [...this.#open.values(), ...(this.#newest === undefined ? [] : [this.#newest])]
    // Copies: an entry becomes another one later.
    return { counts, open: open.map(copyOf), ended: kept.map(copyOf) }
  }

  #entryOf(id: string, acceptedAtMs: number): OwnEntry {
    const spare = this.#spare
    if (spare === undefined)
      return { id, acceptedAtMs, assigned: 0, answered: 0, end: undefined, reason: undefined }
    this.#spare = undefined
    spare.id = id
    spare.acceptedAtMs = acceptedAtMs
    spare.assigned = 0
    spare.answered = 0
    spare.end = undefined
    spare.reason = undefined
    return spare
  }

  get #openCount(): number {
    return this.#open.size + (this.#newest === undefined ? 0 : 1)
  }

  #find(id: string): OwnEntry | undefined {
    return this.#newest?.id === id ? this.#newest : this.#open.get(id)
  }

  #end(id: string, end: LedgerEnd, reason: string | undefined): LedgerEntry | undefined {
    const entry = this.#find(id)
    if (entry === undefined) {
      this.#violation(id, `was ${end} and is not open: it was never accepted, or ended twice`)
      return undefined
    }
    if (entry === this.#newest) this.#newest = undefined
    else this.#open.delete(id)
    entry.end = end
    entry.reason = reason
    const forgotten = this.#ended[this.#next]
    // One with a job that still runs belongs to that job.
    if (forgotten !== undefined && forgotten.answered === forgotten.assigned) this.#spare = forgotten
    this.#ended[this.#next] = entry
    this.#next = (this.#next + 1) % endedMax
    return entry
  }

  #balance(): void {
    const known = this.#openCount + this.#acknowledged + this.#returned
    if (this.#accepted === known) return
    this.#violation('', `does not balance: ${this.#accepted} accepted, ${known} accounted for`)
  }

  #violation(id: string, what: string): void {
    this.#violations += 1
    const error = new RelayError(ErrorCode.LedgerViolation, `the ledger: ${id} ${what}`, {
      hint: 'This is a fault of the server or of a plugin: report it with `rr ledger --json`.',
    })
    this.#options.log.error({ id, error }, 'the ledger of what is in flight was violated')
  }
}

function copyOf(entry: OwnEntry): LedgerEntry {
  return { ...entry }
}
