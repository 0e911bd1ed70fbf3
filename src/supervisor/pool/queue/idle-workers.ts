/**
 * Idle workers of a pool in the order in which they became idle: taking the first makes it round-robin. Of workers that run several jobs
 * at once their idle places; the one with the fewest jobs goes first.
 */
import type { PlaceGroup, WorkerPlace } from '../../worker/place.js'

/** Idle workers of one pool; one can leave from the middle. */
export class IdleWorkers {
  // Not a Set: each time its last worker is taken V8 makes it a new table, in the old heap, where it stays until a full collection.
  readonly #workers: WorkerPlace[] = []
  /** Idle places of shared workers; the one that was taken from last is at the end. */
  readonly #shared = new Map<PlaceGroup, WorkerPlace[]>()
  #sharedCount = 0

  /** Number of jobs that they take. */
  get size(): number {
    return this.#workers.length + this.#sharedCount
  }

  /** Iterates over the workers without a job, in their order. */
  *[Symbol.iterator](): Iterator<WorkerPlace> {
    yield* this.#workers
    for (const [group, places] of this.#shared) {
      const [first] = places
      if (first !== undefined && places.length === group.places.length) yield first
    }
  }

  /** Adds a worker, or a place, at the end. */
  add(worker: WorkerPlace): void {
    const { group } = worker
    if (group === undefined) {
      this.#workers.push(worker)
      return
    }
    this.#sharedCount += 1
    const places = this.#shared.get(group)
    if (places === undefined) this.#shared.set(group, [worker])
    else places.push(worker)
  }

  /** Takes the worker that has idled longest; undefined when none is idle. */
  take(): WorkerPlace | undefined {
    const worker = this.#workers.shift()
    return worker === undefined && this.#sharedCount > 0 ? this.#takeShared() : worker
  }

  /** Removes a worker that is not taken; false when it was not idle. The places of a shared one are parked. */
  remove(worker: WorkerPlace): boolean {
    const { group } = worker
    if (group === undefined) {
      const at = this.#workers.indexOf(worker)
      if (at >= 0) this.#workers.splice(at, 1)
      return at >= 0
    }
    const places = this.#shared.get(group) ?? []
    this.#sharedCount -= places.length
    this.#shared.delete(group)
    for (const place of places) place.park?.()
    return places.length > 0
  }

  #takeShared(): WorkerPlace | undefined {
    let chosen: PlaceGroup | undefined
    let fewest = Number.POSITIVE_INFINITY
    for (const [group, places] of this.#shared) {
      // Places that are held count, too: their jobs are about to be sent.
      const taken = group.places.length - places.length
      if (places.length === 0 || taken >= fewest) continue
      chosen = group
      fewest = taken
    }
    const places = chosen === undefined ? undefined : this.#shared.get(chosen)
    const place = places?.pop()
    if (chosen === undefined || places === undefined || place === undefined) return undefined
    this.#sharedCount -= 1
    this.#shared.delete(chosen)
    this.#shared.set(chosen, places)
    return place
  }
}
