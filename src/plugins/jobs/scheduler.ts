/**
 * Hands deliveries to the dispatchers of their pipelines as workers fall idle, by weight, and tells pipelines how many more they may take
 * from their queues. Nothing is taken that cannot soon run: idle workers could take it now, or, while jobs are short, as soon as a
 * worker is done.
 */
import type { Clock, Pool } from '../../index.js'
import type { Delivery } from '../../work/index.js'
import { FairLine } from '../../work/queues/fair-line.js'

/** Name of a pipeline. */
interface Named {
  readonly name: string
}

/** A pipeline as the scheduler knows it. */
export interface Taker extends Named {
  /** Runs deliveries, those of a lane in their order; `done` follows for each. */
  offer(deliveries: readonly Delivery[]): void
}

interface Waiting {
  readonly taker: Taker
  readonly delivery: Delivery
}

// Jobs that a worker will have run within this time are taken ahead: their wait is short, and the worker's pause would show.
const shortMs = 100
/** Jobs that are taken ahead for each place of a worker at most. */
const aheadPerPlaceMax = 64
const averageShare = 0.1
/** Deliveries of one pipeline that dispatchers hold at most, for each place of a worker: an ordered lane takes many and runs one. */
const heldPerWorkerMax = 10

/** The scheduler of one pool. */
export class Scheduler {
  readonly #pool: Pool
  readonly #clock: Clock
  readonly #line = new FairLine<Waiting>()
  /** Start of each delivery that is with a dispatcher. */
  readonly #held = new Map<Delivery, number>()
  readonly #heldBy = new Map<string, number>()
  #averageMs = Number.POSITIVE_INFINITY
  #waiters: { readonly taker: Taker; readonly wake: () => void }[] = []
  #isWatching = false

  constructor(options: { readonly pool: Pool; readonly clock: Clock }) {
    this.#pool = options.pool
    this.#clock = options.clock
  }

  /** Deliveries of a pipeline that wait here. */
  waitingOf({ name }: Named): number {
    return this.#line.countOf(name)
  }

  /** Deliveries of a pipeline that are with its dispatcher. */
  heldOf({ name }: Named): number {
    return this.#heldBy.get(name) ?? 0
  }

  /** Number of deliveries that a pipeline may take from its queue now. */
  wantOf(taker: Taker): number {
    const { idleCount, size, placeCount, isStopping } = this.#pool
    if (isStopping) return 0
    const waiting = this.waitingOf(taker)
    const ahead = this.#takenAhead
    const want = idleCount + ahead - waiting
    if (this.heldOf(taker) >= heldPerWorkerMax * Math.max(size, placeCount)) return 0
    // Not one by one: half of what may be ahead has run when more is taken.
    return waiting > idleCount && 2 * want < ahead ? 0 : Math.max(0, want)
  }

  /** Resolves when a pipeline may take more, or with `signal`. */
  async whenWanted(taker: Taker, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.wantOf(taker) === 0) {
      const changed = new Promise<void>((wake) => this.#waiters.push({ taker, wake }))
      this.#watch()
      await changed
    }
  }

  /** Puts deliveries in line, and hands on what can run. */
  add(taker: Taker, deliveries: readonly Delivery[], priorityOf: (delivery: Delivery) => number): void {
    for (const delivery of deliveries) this.#line.add({ taker, delivery }, priorityOf(delivery), taker.name)
    this.#pump()
  }

  /** Takes back what a pipeline has in line. */
  takeBack({ name }: Named): readonly Delivery[] {
    const taken = this.#line.clear(name).map(({ delivery }) => delivery)
    this.wake()
    return taken
  }

  /** Wakes every pipeline that waits for room: one of them is to end, or room has come. */
  wake(): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const { wake } of waiters) wake()
  }

  /** A delivery was settled or released by its dispatcher, or lost. */
  done(taker: Named, deliveries: readonly Delivery[]): void {
    const nowMs = this.#clock.monotonicMs()
    let count = 0
    for (const delivery of deliveries) {
      const sinceMs = this.#held.get(delivery)
      if (sinceMs === undefined) continue
      this.#held.delete(delivery)
      count += 1
      const tookMs = nowMs - sinceMs
      const isFirst = this.#averageMs === Number.POSITIVE_INFINITY
      this.#averageMs = isFirst ? tookMs : this.#averageMs + averageShare * (tookMs - this.#averageMs)
    }
    const left = this.heldOf(taker) - count
    if (left > 0) this.#heldBy.set(taker.name, left)
    else this.#heldBy.delete(taker.name)
    this.#pump()
  }

  /** Jobs that are taken from queues beyond those that idle workers take. */
  get #takenAhead(): number {
    const perPlace = Math.min(aheadPerPlaceMax, Math.floor(shortMs / Math.max(this.#averageMs, 1)))
    return this.#pool.placeCount * perPlace
  }

  /** Jobs beyond those that idle workers take. */
  get #ahead(): number {
    return this.#averageMs < shortMs ? this.#pool.placeCount : 0
  }

  get #hasRoom(): boolean {
    const { idleCount, placeCount } = this.#pool
    const ahead = this.#ahead
    return idleCount > 0 || (ahead > 0 && this.#held.size < placeCount + ahead)
  }

  #pump(): void {
    while (this.#line.size > 0 && this.#hasRoom) {
      const next = this.#line.take()
      if (next === undefined) break
      const { taker } = next
      const deliveries = this.#withLane(next)
      const nowMs = this.#clock.monotonicMs()
      for (const delivery of deliveries) this.#held.set(delivery, nowMs)
      this.#heldBy.set(taker.name, this.heldOf(taker) + deliveries.length)
      taker.offer(deliveries)
    }
    if (this.#waiters.some(({ taker }) => this.wantOf(taker) > 0)) this.wake()
    if (this.#line.size > 0) this.#watch()
  }

  /**
   * Takes what waits of the same lane, too: when the first is to be tried again, its dispatcher gives back all of the lane that it
   * holds, and a delivery left in line would overtake them.
   */
  #withLane({ taker, delivery }: Waiting): readonly Delivery[] {
    const { lane } = delivery
    if (lane === undefined) return [delivery]
    const rest = this.#line.takeMatching(taker.name, (waiting) => waiting.delivery.lane === lane)
    return [delivery, ...rest.map((waiting) => waiting.delivery)]
  }

  /** Goes on when a worker falls idle. While one is idle, only a settled job or a new delivery changes anything. */
  #watch(): void {
    if (this.#isWatching || this.#pool.isStopping || this.#pool.idleCount > 0) return
    this.#isWatching = true
    void this.#pool.whenIdle().then(() => {
      this.#isWatching = false
      // In a pool that stops `whenIdle` resolves at once.
      if (this.#pool.isStopping) this.wake()
      else this.#pump()
    })
  }
}
