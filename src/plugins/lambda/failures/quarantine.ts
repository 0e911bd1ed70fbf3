/**
 * Poison accounting: which records have killed their workers, and how often. Counts live as long as this process; a record that
 * is done is forgotten, and the oldest make room. A death in a job of many records is nobody's yet: each of them is only
 * suspected, and has to run alone to be cleared or to be counted. Pure but for its own map.
 */

/** Records that are remembered at most. */
export const namesMax = 10_000

/** Deaths by record. */
export class DeathBook {
  readonly #after: number
  readonly #counts = new Map<string, number>()

  /** `after`: deaths until a record runs in a worker of its own; 0 is never. */
  constructor(after: number) {
    this.#after = after
  }

  /** Workers that died of it; Infinity once it was given up. */
  count(name: string): number {
    return this.#counts.get(name) ?? 0
  }

  /** It was in a job that killed its worker: it must not share the next one. */
  isSuspect(name: string): boolean {
    return this.#counts.has(name)
  }

  /** It has to run where it can hurt nobody. */
  isQuarantined(name: string): boolean {
    return this.#after > 0 && this.count(name) >= this.#after
  }

  /** One more worker died of it, and of nothing else. */
  add(name: string): void {
    this.#set(name, this.count(name) + 1)
  }

  /** A worker died of one of several records, this one among them. */
  suspect(name: string): void {
    this.#set(name, this.count(name))
  }

  /** It killed even a worker of its own: it is never run again while we live. */
  giveUp(name: string): void {
    this.#set(name, Number.POSITIVE_INFINITY)
  }

  /** Its source may deliver it still, until its own policy moves it. */
  isGivenUp(name: string): boolean {
    return this.count(name) === Number.POSITIVE_INFINITY
  }

  /** A worker came back from it alive. */
  forget(name: string): void {
    if (this.#counts.size > 0) this.#counts.delete(name)
  }

  #set(name: string, count: number): void {
    // Taken out and put in again, a name is the youngest.
    this.#counts.delete(name)
    this.#counts.set(name, count)
    const [oldest] = this.#counts.keys()
    if (this.#counts.size > namesMax && oldest !== undefined) this.#counts.delete(oldest)
  }
}
