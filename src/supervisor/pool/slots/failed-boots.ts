/**
 * Counts boots that fail in a row while no worker lives, and tells when the row is long enough to give up. The caller
 * decides what to do then.
 */

/** Minimum number of failed boots in a row. */
export const rowMin = 5
/** Minimum duration of the row in ms, so that a short outage of a database does not count. */
export const rowMsMin = 10_000

/** Row of failed boots so far. */
export class FailedBoots {
  #count = 0
  #sinceMs = 0

  /** Counts a failed boot, with `liveCount` workers alive; true when the row is long enough. */
  failed(nowMs: number, liveCount: number): boolean {
    if (liveCount > 0) {
      this.end()
      return false
    }
    if (this.#count === 0) this.#sinceMs = nowMs
    this.#count += 1
    return this.#count >= rowMin && nowMs - this.#sinceMs >= rowMsMin
  }

  /** Ends the row because a worker has booted. */
  end(): void {
    this.#count = 0
  }
}
