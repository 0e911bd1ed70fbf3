/** Joins acknowledgements: RabbitMQ is told once of all deliveries up to a tag where none of them is still in hand. Pure. */

/** Acknowledgements of some deliveries. */
export interface JoinedAcks {
  /** All up to this tag; undefined: there is nothing to join. */
  readonly upTo: number | undefined
  readonly single: readonly number[]
}

/** Tags of one channel that were delivered and neither acknowledged nor given back, in their order. */
export class OpenTags {
  readonly #tags = new Set<number>()

  get size(): number {
    return this.#tags.size
  }

  /** Adds a delivery; tags grow. */
  add(tag: number): void {
    this.#tags.add(tag)
  }

  /** Takes out a delivery that is rejected or given back. */
  delete(tag: number): void {
    this.#tags.delete(tag)
  }

  /** Takes out deliveries that are acknowledged, and says how to tell it. */
  join(tags: readonly number[]): JoinedAcks {
    const isDone = new Set(tags)
    let upTo: number | undefined
    for (const tag of this.#tags) {
      if (!isDone.delete(tag)) break
      upTo = tag
    }
    for (const tag of tags) this.#tags.delete(tag)
    return { upTo, single: [...isDone] }
  }
}
