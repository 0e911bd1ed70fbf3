/**
 * Poison accounting: which records have killed their workers, and how often. Counts live as long as this process; a record that
 * is done is forgotten, and the oldest make room. Pure but for its own map.
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

  /** Workers that died of it. */
  count(name: string): number {
    return this.#counts.get(name) ?? 0
  }

  /** It has to run where it can hurt nobody. */
  isQuarantined(name: string): boolean {
    return this.#after > 0 && this.count(name) >= this.#after
  }

  /** One more. */
  add(name: string): void {
    const count = this.count(name) + 1
    // Taken out and put in again, a name is the youngest.
    this.#counts.delete(name)
    this.#counts.set(name, count)
    const [oldest] = this.#counts.keys()
    if (this.#counts.size > namesMax && oldest !== undefined) this.#counts.delete(oldest)
  }

  /** A worker came back from it alive. */
  forget(name: string): void {
    if (this.#counts.size > 0) this.#counts.delete(name)
  }
}
