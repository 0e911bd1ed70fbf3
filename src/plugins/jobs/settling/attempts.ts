/**
 * Counts tries of deliveries honestly: a source counts each time that it hands a message out, but one that was released without having
 * run, or that its worker put back on purpose, does not count as a failed try. Counts live as long as this process, and the oldest make room. Pure but
 * for its own maps.
 */
import type { Delivery } from '../../../work/source.js'

/** Messages that are remembered at most. */
const attemptsMax = 100_000

/** Tries by message. */
export class Attempts {
  /** Deliveries that do not count; where the source does not count itself, less the tries that failed. */
  readonly #forgiven = new Map<string, number>()

  /** Number of this try, from 1. */
  of({ id, attempt }: Delivery): number {
    const forgiven = this.#forgiven.size === 0 ? 0 : (this.#forgiven.get(id) ?? 0)
    return Math.max(1, (attempt ?? 1) - forgiven)
  }

  /** Counts a failed try, where its source does not. */
  failed({ id, attempt }: Delivery): void {
    if (attempt === null) this.#add(id, -1)
  }

  /** Takes one delivery out of the count. */
  forgive({ id, attempt }: Delivery): void {
    if (attempt !== null) this.#add(id, 1)
  }

  /** Begins the count anew: the next delivery is the first try. */
  restart({ id, attempt }: Delivery): void {
    if (attempt === null) this.#forgiven.delete(id)
    else this.#set(id, attempt)
  }

  /** Forgets a message that is settled. */
  forget({ id }: Delivery): void {
    if (this.#forgiven.size > 0) this.#forgiven.delete(id)
  }

  #add(id: string, count: number): void {
    this.#set(id, (this.#forgiven.get(id) ?? 0) + count)
  }

  #set(id: string, count: number): void {
    // Taken out and put in again, an id is the youngest.
    this.#forgiven.delete(id)
    this.#forgiven.set(id, count)
    const [oldest] = this.#forgiven.keys()
    if (this.#forgiven.size > attemptsMax && oldest !== undefined) this.#forgiven.delete(oldest)
  }
}
