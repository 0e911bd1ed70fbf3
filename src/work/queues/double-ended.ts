/** A line whose ends cost the same however long it is: an array moves all its items when the first is taken. */

// Taken places are dropped together, half of the array at least.
const droppedMin = 64

/** A line in memory, whose length the caller bounds. */
export class DoubleEnded<T> {
  #items: (T | undefined)[] = []
  #start = 0

  get size(): number {
    return this.#items.length - this.#start
  }

  /** The item at the front. */
  get first(): T | undefined {
    return this.#items[this.#start]
  }

  /** Puts an item at the end. */
  add(item: T): void {
    this.#items.push(item)
  }

  /** Puts an item at the front. */
  addFirst(item: T): void {
    if (this.#start === 0) {
      // As much room again as there are items, so that many in a row cost little.
      const room = Math.max(droppedMin, this.#items.length)
      this.#items = [...new Array<T | undefined>(room), ...this.#items]
      this.#start = room
    }
    this.#start -= 1
    this.#items[this.#start] = item
  }

  /** Takes the item at the front. */
  takeFirst(): T | undefined {
    if (this.size === 0) return undefined
    const item = this.#items[this.#start]
    this.#items[this.#start] = undefined
    this.#start += 1
    if (this.#start >= droppedMin && 2 * this.#start >= this.#items.length) this.#drop()
    return item
  }

  /** Takes all items that match, in their order. */
  takeMatching(matches: (item: T) => boolean): readonly T[] {
    const [taken, left]: [T[], T[]] = [[], []]
    for (let item = this.takeFirst(); item !== undefined; item = this.takeFirst())
      (matches(item) ? taken : left).push(item)
    this.#items = left
    this.#start = 0
    return taken
  }

  #drop(): void {
    this.#items = this.#items.slice(this.#start)
    this.#start = 0
  }
}
