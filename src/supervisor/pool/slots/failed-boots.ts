/** Counts boots that fail in a row while no worker lives, and says when that is no longer bad luck. Whoever asks decides what then. */

/** So many must have failed … */
export const rowMin = 5
/** … over at least so long, in ms: a database that is away for some seconds ends nothing. */
export const rowMsMin = 10_000

/** The present row. */
export class FailedBoots {
  #count = 0
  #sinceMs = 0

  /** One more failed, with `liveCount` workers alive; true when the row is long enough. */
  failed(nowMs: number, liveCount: number): boolean {
    if (liveCount > 0) {
      this.end()
      return false
    }
    if (this.#count === 0) this.#sinceMs = nowMs
    this.#count += 1
    return this.#count >= rowMin && nowMs - this.#sinceMs >= rowMsMin
  }

  /** A worker came up. */
  end(): void {
    this.#count = 0
  }
}
