/**
 * Poison records: which deliveries have killed their workers, and how often. Counts live as long as this process; a delivery
 * whose worker survived is forgotten, and the oldest make room. A death in a job of several deliveries counts for none of
 * them yet: each becomes a suspect, and runs alone next to find out. Pure but for its own map.
 */

/** Deliveries that are remembered at most. */
export const poisonRecordsMax = 10_000

/** Deaths by delivery. */
export class PoisonRecords {
  readonly #after: number
  readonly #counts = new Map<string, number>()

  /** `after`: deaths until a delivery runs on a worker of its own; 0 is never. */
  constructor(after: number) {
    this.#after = after
  }

  /** Number of workers that it killed; Infinity once it was given up. */
  count(id: string): number {
    return this.#counts.get(id) ?? 0
  }

  /** True for a delivery that was in a job which killed its worker: it must not share the next one. */
  isSuspect(id: string): boolean {
    return this.#counts.size > 0 && this.#counts.has(id)
  }

  /** True for a delivery that has to run on a worker of its own. */
  isQuarantined(id: string): boolean {
    return this.#after > 0 && this.#counts.size > 0 && this.count(id) >= this.#after
  }

  /** True for a delivery that killed even a worker of its own; its source may deliver it still. */
  isGivenUp(id: string): boolean {
    return this.#counts.size > 0 && this.count(id) === Number.POSITIVE_INFINITY
  }

  /** Counts the death of a worker that ran these: of one, or of one among several. */
  addDeath(ids: readonly string[]): void {
    const [first] = ids
    if (ids.length === 1 && first !== undefined) this.#set(first, this.count(first) + 1)
    else this.addSuspects(ids)
  }

  /** Remembers those that were in a worker which died, without a death of their own: each runs alone next. */
  addSuspects(ids: readonly string[]): void {
    for (const id of ids) this.#set(id, this.count(id))
  }

  /** Marks a delivery that must not run again in this process. */
  giveUp(id: string): void {
    this.#set(id, Number.POSITIVE_INFINITY)
  }

  /** Forgets a delivery whose worker survived. */
  forget(id: string): void {
    if (this.#counts.size > 0) this.#counts.delete(id)
  }

  #set(id: string, count: number): void {
    // Taken out and put in again, an id is the youngest.
    this.#counts.delete(id)
    this.#counts.set(id, count)
    const [oldest] = this.#counts.keys()
    if (this.#counts.size > poisonRecordsMax && oldest !== undefined) this.#counts.delete(oldest)
  }
}
