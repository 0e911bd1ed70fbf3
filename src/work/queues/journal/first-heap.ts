/** A binary heap that only gives up its first item: smaller and faster than one that can remove any. */

/** Smallest item first. Each call takes logarithmic time; adding what sorts behind all others takes one comparison. */
export class FirstHeap<T> {
  readonly #isBefore: (a: T, b: T) => boolean
  readonly #items: T[] = []

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

  add(item: T): void {
    const items = this.#items
    let at = items.length
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = items[above]
      if (parent === undefined || !this.#isBefore(item, parent)) break
      items[at] = parent
      at = above
    }
    items[at] = item
  }

  /** Takes the smallest item out. */
  take(): T | undefined {
    const items = this.#items
    const first = items[0]
    const last = items.pop()
    if (last === undefined || items.length === 0) return first
    let at = 0
    for (;;) {
      const left = 2 * at + 1
      const [a, b] = [items[left], items[left + 1]]
      if (a === undefined) break
      const isRight = b !== undefined && this.#isBefore(b, a)
      const child = isRight ? b : a
      if (!this.#isBefore(child, last)) break
      items[at] = child
      at = isRight ? left + 1 : left
    }
    items[at] = last
    return first
  }
}
