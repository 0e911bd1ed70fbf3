/**
 * A binary heap that knows the index of each item, so that any item can be removed.
 *
 * Invariant: no item sorts before its parent, and `#at` holds the index of each. The order of an item may change only
 * outside.
 */

/** Smallest item first. Each call takes logarithmic time. */
export class Heap<T> {
  readonly #isBefore: (a: T, b: T) => boolean
  readonly #items: T[] = []
  readonly #at = new Map<T, number>()

  constructor(isBefore: (a: T, b: T) => boolean) {
    this.#isBefore = isBefore
  }

  get size(): number {
    return this.#items.length
  }

  /** The smallest item. */
  get first(): T | undefined {
    return this.#items[0]
  }

  /** An item by its index from 0 to `size - 1`; only the first one's is ordered. */
  at(index: number): T | undefined {
    return this.#items[index]
  }

  /** Adds an item that is not there yet. */
  add(item: T): void {
    this.#up(item, this.#items.length)
  }

  /** Takes an item out; false when it was not there. Its order may have changed meanwhile. */
  remove(item: T): boolean {
    const at = this.#at.get(item)
    if (at === undefined) return false
    this.#at.delete(item)
    const last = this.#items.pop()
    if (last === undefined || last === item) return true
    this.#up(last, at)
    this.#down(last)
    return true
  }

  #up(item: T, from: number): void {
    let at = from
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = this.#items[above]
      if (parent === undefined || !this.#isBefore(item, parent)) break
      this.#put(parent, at)
      at = above
    }
    this.#put(item, at)
  }

  #down(item: T): void {
    let at = this.#at.get(item) ?? 0
    for (;;) {
      const [left, right] = [this.#items[2 * at + 1], this.#items[2 * at + 2]]
      if (left === undefined) break
      const isRight = right !== undefined && this.#isBefore(right, left)
      const child = isRight ? right : left
      if (!this.#isBefore(child, item)) break
      this.#put(child, at)
      at = 2 * at + (isRight ? 2 : 1)
    }
    this.#put(item, at)
  }

  #put(item: T, at: number): void {
    this.#items[at] = item
    this.#at.set(item, at)
  }
}
