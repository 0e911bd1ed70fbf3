/** A line in which keys take turns: within a key the first come is the first taken. It has the methods of `DoubleEnded`. */
import { DoubleEnded } from './double-ended.js'

/** A line in memory, whose length the caller bounds. */
export class TurnLine<T> {
  readonly #turnOf: (item: T) => string
  /** In the order of their turns; a key is here while it has items. */
  readonly #byKey = new Map<string, DoubleEnded<T>>()
  #size = 0

  /** `turnOf` returns the key of an item: the same one as long as the item is here. */
  constructor(turnOf: (item: T) => string) {
    this.#turnOf = turnOf
  }

  get size(): number {
    return this.#size
  }

  /** The item whose turn it is. */
  get first(): T | undefined {
    const [items] = this.#byKey.values()
    return items?.first
  }

  /** The first item of each key. */
  *firsts(): Generator<T> {
    for (const { first } of this.#byKey.values()) if (first !== undefined) yield first
  }

  /** Puts an item at the end of its key. */
  add(item: T): void {
    this.#itemsOf(item).add(item)
    this.#size += 1
  }

  /** Puts an item at the front of its key. */
  addFirst(item: T): void {
    this.#itemsOf(item).addFirst(item)
    this.#size += 1
  }

  /** Takes the item whose turn it is; its key goes to the end of the turns. */
  takeFirst(): T | undefined {
    const [entry] = this.#byKey
    if (entry === undefined) return undefined
    const [key, items] = entry
    const item = items.takeFirst()
    this.#size -= 1
    this.#byKey.delete(key)
    if (items.size > 0) this.#byKey.set(key, items)
    return item
  }

  /** Takes all items that match, in their order within each key. */
  takeMatching(matches: (item: T) => boolean): readonly T[] {
    const taken: T[] = []
    for (const [key, items] of this.#byKey) {
      taken.push(...items.takeMatching(matches))
      if (items.size === 0) this.#byKey.delete(key)
    }
    this.#size -= taken.length
    return taken
  }

  #itemsOf(item: T): DoubleEnded<T> {
    const key = this.#turnOf(item)
    const known = this.#byKey.get(key)
    if (known !== undefined) return known
    const items = new DoubleEnded<T>()
    this.#byKey.set(key, items)
    return items
  }
}
