/**
 * Items that wait, such as deliveries of all pipelines for a worker. Priorities are weights, not ranks: one of priority 1 is taken ten times as often
 * as one of 10, so that a high one never stands behind a row of low ones, and no low one is starved. Within a priority the keys
 * (pipelines) take turns, within a key the first come is the first taken, unless its items have turns among themselves (tenants).
 *
 * Invariant: a class is in the map while it has items, and a key is in its class while it has items.
 */
import { DoubleEnded } from './double-ended.js'
import { TurnLine } from './turn-line.js'

const priorityMin = 1
const priorityMax = 1000

/** Items of one priority. The map's order is the turn of the keys. */
interface PriorityClass<T> {
  readonly cost: number
  /** Virtual time at which its next service ends; the smallest is taken. */
  finish: number
  readonly keys: Map<string, Items<T>>
}

type Items<T> = DoubleEnded<T> | TurnLine<T>

/** A line in memory, whose length the caller bounds. */
export class FairLine<T> {
  readonly #classes = new Map<number, PriorityClass<T>>()
  readonly #counts = new Map<string, number>()
  readonly #turnOf: ((item: T) => string | undefined) | undefined
  #virtualTime = 0
  #size = 0

  /** `turnOf` returns the turn of an item among those of its key; undefined for all items of a key: they are taken as they come. */
  constructor(turnOf?: (item: T) => string | undefined) {
    this.#turnOf = turnOf
  }

  get size(): number {
    return this.#size
  }

  /** Number of items of a key. */
  countOf(key: string): number {
    return this.#counts.get(key) ?? 0
  }

  /** The items that are next within each priority. */
  *firsts(): Generator<T> {
    for (const { keys } of this.#classes.values())
      for (const items of keys.values())
        if (items instanceof TurnLine) yield* items.firsts()
        else if (items.first !== undefined) yield items.first
  }

  /** Puts an item at the end of its key. `priority`: 1 to 1000; whatever is outside is taken as the nearest. */
  add(item: T, priority: number, key: string): void {
    this.#itemsOf(item, priority, key).add(item)
    this.#count(key, 1)
  }

  /** Puts an item back at the front of its key. */
  addFirst(item: T, priority: number, key: string): void {
    this.#itemsOf(item, priority, key).addFirst(item)
    this.#count(key, 1)
  }

  /** Takes the item whose turn it is. */
  take(): T | undefined {
    let chosen: PriorityClass<T> | undefined
    for (const one of this.#classes.values())
      if (chosen === undefined || one.finish < chosen.finish) chosen = one
    if (chosen === undefined) return undefined
    this.#virtualTime = chosen.finish
    const [entry] = chosen.keys
    if (entry === undefined) return undefined
    const [key, items] = entry
    const item = items.takeFirst()
    if (items.size > 0 && chosen.keys.size > 1) {
      // To the end of the turn.
      chosen.keys.delete(key)
      chosen.keys.set(key, items)
    }
    this.#taken(chosen, key, 1)
    return item
  }

  /** Takes up to `max` items of a key that are next, until one does not match. */
  takeMore(key: string, max: number, matches: (item: T) => boolean): readonly T[] {
    const more: T[] = []
    while (more.length < max) {
      let chosen: PriorityClass<T> | undefined
      for (const one of this.#classes.values())
        if (one.keys.has(key) && (chosen === undefined || one.finish < chosen.finish)) chosen = one
      const items = chosen?.keys.get(key)
      if (chosen === undefined || items?.first === undefined || !matches(items.first)) break
      const item = items.takeFirst()
      if (item !== undefined) more.push(item)
      this.#taken(chosen, key, 1)
    }
    return more
  }

  /** Takes those items of a key that match, in the order in which they came within each priority, which pays for each. */
  takeMatching(key: string, matches: (item: T) => boolean): readonly T[] {
    const taken: T[] = []
    for (const group of this.#classes.values()) {
      const items = group.keys.get(key)
      const matching = items?.takeMatching(matches) ?? []
      if (items === undefined || matching.length === 0) continue
      taken.push(...matching)
      this.#taken(group, key, matching.length)
    }
    return taken
  }

  /** Takes all items of a key, in the order in which they came within each priority. */
  clear(key: string): readonly T[] {
    return this.takeMatching(key, () => true)
  }

  /** Items of a key have left a class, which pays for them. */
  #taken(group: PriorityClass<T>, key: string, count: number): void {
    group.finish += group.cost * count
    if (group.keys.get(key)?.size === 0) group.keys.delete(key)
    if (group.keys.size === 0) this.#classes.delete(group.cost)
    this.#count(key, -count)
  }

  #itemsOf(item: T, priority: number, key: string): Items<T> {
    const { keys } = this.#classOf(Math.min(priorityMax, Math.max(priorityMin, Math.round(priority))))
    const known = keys.get(key)
    if (known !== undefined) return known
    const turnOf = this.#turnOf
    const hasTurns = turnOf?.(item) !== undefined
    const items = hasTurns ? new TurnLine<T>((one) => turnOf?.(one) ?? '') : new DoubleEnded<T>()
    keys.set(key, items)
    return items
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
