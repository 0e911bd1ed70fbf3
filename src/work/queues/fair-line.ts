/**
 * Deliveries that wait for a worker, of all pipelines. Priorities are weights, not ranks: one of priority 1 is taken ten times as often
 * as one of 10, so that a high one never stands behind a row of low ones, and no low one is starved. Within a priority the keys
 * (pipelines) take turns, within a key the first come is the first taken.
 *
 * Invariant: a class is in the map while it has items, and a key is in its class while it has items.
 */

const priorityMin = 1
const priorityMax = 1000

/** Items of one priority. The map's order is the turn of the keys. */
interface PriorityClass<T> {
  readonly cost: number
  /** Virtual time at which its next service ends; the smallest is taken. */
  finish: number
  readonly keys: Map<string, T[]>
}

/** A line in memory, whose length the caller bounds. */
export class FairLine<T> {
  readonly #classes = new Map<number, PriorityClass<T>>()
  readonly #counts = new Map<string, number>()
  #virtualTime = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Number of items of a key. */
  countOf(key: string): number {
    return this.#counts.get(key) ?? 0
  }

  /** Puts an item at the end of its key. `priority`: 1 to 1000; whatever is outside is taken as the nearest. */
  add(item: T, priority: number, key: string): void {
    const group = this.#classOf(Math.min(priorityMax, Math.max(priorityMin, Math.round(priority))))
    const items = group.keys.get(key)
    if (items === undefined) group.keys.set(key, [item])
    else items.push(item)
    this.#count(key, 1)
  }

  /** Takes the item whose turn it is. */
  take(): T | undefined {
    let chosen: PriorityClass<T> | undefined
    for (const one of this.#classes.values())
      if (chosen === undefined || one.finish < chosen.finish) chosen = one
    if (chosen === undefined) return undefined
    this.#virtualTime = chosen.finish
    chosen.finish += chosen.cost
    for (const [key, items] of chosen.keys) {
      const item = items.shift()
      chosen.keys.delete(key)
      // To the end of the turn.
      if (items.length > 0) chosen.keys.set(key, items)
      if (chosen.keys.size === 0) this.#classes.delete(chosen.cost)
      this.#count(key, -1)
      return item
    }
    return undefined
  }

  /** Takes those items of a key that match, in the order in which they came within each priority, which pays for each. */
  takeMatching(key: string, matches: (item: T) => boolean): readonly T[] {
    const taken: T[] = []
    for (const group of this.#classes.values()) {
      const items = group.keys.get(key) ?? []
      const matching = items.filter(matches)
      if (matching.length === 0) continue
      taken.push(...matching)
      group.finish += group.cost * matching.length
      if (matching.length < items.length)
        group.keys.set(
          key,
          items.filter((item) => !matching.includes(item)),
        )
      else group.keys.delete(key)
      if (group.keys.size === 0) this.#classes.delete(group.cost)
    }
    this.#count(key, -taken.length)
    return taken
  }

  /** Takes all items of a key, in the order in which they came within each priority. */
  clear(key: string): readonly T[] {
    const cleared: T[] = []
    for (const [cost, { keys }] of this.#classes) {
      cleared.push(...(keys.get(key) ?? []))
      keys.delete(key)
      if (keys.size === 0) this.#classes.delete(cost)
    }
    this.#count(key, -cleared.length)
    return cleared
  }

  /** A class that comes back begins at the present: it has saved nothing up while it was empty, and owes nothing. */
  #classOf(cost: number): PriorityClass<T> {
    const known = this.#classes.get(cost)
    if (known !== undefined) return known
    const group: PriorityClass<T> = { cost, finish: this.#virtualTime + cost, keys: new Map() }
    this.#classes.set(cost, group)
    return group
  }

  #count(key: string, by: number): void {
    this.#size += by
    const count = this.countOf(key) + by
    if (count === 0) this.#counts.delete(key)
    else this.#counts.set(key, count)
  }
}
