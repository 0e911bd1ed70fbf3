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
  /** Deliveries of one job at most. */
  readonly perJob: number
  /** The turns that its jobs take among themselves; absent: they run as they come. */
  readonly fairness?: Fairness | undefined
  /** Runs deliveries, those of a lane in their order; `done` follows for each. */
  offer(deliveries: readonly Delivery[]): void
}

/** Turns of the jobs of one pipeline. */
export interface Fairness {
  /** Returns whose job it is: a tenant. */
  readonly turnOf: (delivery: Delivery) => string
  /** Jobs that are taken at most to find those of others; 0: the queue itself hands them out in turn. */
  readonly window: number
}

interface Waiting {
  readonly taker: Taker
  readonly delivery: Delivery
  /** Key of its turn; undefined where jobs run as they come. */
  readonly turn: string | undefined
}

/** Jobs of a fair pipeline that are in line. */
interface Turns {
  /** Number of jobs by turn. */
  readonly counts: Map<string, number>
  /** The turn of each lane: that of its first job, so that the jobs of a lane stay in their order. */
  readonly ofLane: Map<string, string>
}

// Jobs that a worker will have run within this time are taken ahead: their wait is short, and the worker's pause would show.
const shortMs = 100
/** Jobs that are taken ahead for each place of a worker at most. */
const aheadPerPlaceMax = 64
const averageShare = 0.1
/** Number of tenants in line from which on a fair pipeline borrows no more jobs than others do. */
const turnsMin = 8
/** Jobs that a fair pipeline takes at once when it looks for other tenants. */
const lookMax = 128
/** Deliveries of one pipeline that dispatchers hold at most, for each place of a worker: an ordered lane takes many and runs one. */
const heldPerWorkerMax = 10

/** The scheduler of one pool. */
export class Scheduler {
  readonly #pool: Pool
  readonly #clock: Clock
  readonly #line = new FairLine<Waiting>(({ turn }) => turn)
  readonly #turns = new Map<string, Turns>()
  /** Start of each delivery that is with a dispatcher. */
  readonly #held = new Map<Delivery, number>()
  readonly #heldBy = new Map<string, number>()
  /** Jobs of these deliveries, as if each were full: small ones that wait grow together. */
  #heldJobs = 0
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
    const { perJob, fairness } = taker
    const waiting = this.waitingOf(taker)
    const window = fairness?.window ?? 0
    if (this.heldOf(taker) >= heldPerWorkerMax * Math.max(size, placeCount) * perJob + window) return 0
    const idle = idleCount * perJob
    const ahead = Math.min(this.#takenAhead * perJob, placeCount * Math.max(aheadPerPlaceMax, 2 * perJob))
    const want = idle + ahead - waiting
    if (waiting < window && (this.#turns.get(taker.name)?.counts.size ?? 0) < turnsMin)
      return Math.max(want, Math.min(lookMax, window - waiting))
    // Not one by one: half of what may be ahead has run when more is taken.
    return waiting > idle && 2 * want < ahead ? 0 : Math.max(0, want)
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
    for (const delivery of deliveries) {
      const turn = this.#enterTurn(taker, delivery)
      this.#line.add({ taker, delivery, turn }, priorityOf(delivery), taker.name)
    }
    this.#pump()
  }

  /** Takes back what a pipeline has in line. */
  takeBack({ name }: Named): readonly Delivery[] {
    const taken = this.#line.clear(name).map(({ delivery }) => delivery)
    this.#turns.delete(name)
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
  done(taker: Taker, deliveries: readonly Delivery[]): void {
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
    this.#heldJobs = this.#held.size === 0 ? 0 : this.#heldJobs - count / taker.perJob
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
    return idleCount > 0 || (ahead > 0 && this.#heldJobs < placeCount + ahead)
  }

  #pump(): void {
    while (this.#line.size > 0 && this.#hasRoom) {
      const next = this.#line.take()
      if (next === undefined) break
      const { taker } = next
      const deliveries = this.#withMore(next)
      this.#heldJobs += deliveries.length / taker.perJob
      const nowMs = this.#clock.monotonicMs()
      for (const delivery of deliveries) this.#held.set(delivery, nowMs)
      this.#heldBy.set(taker.name, this.heldOf(taker) + deliveries.length)
      taker.offer(deliveries)
    }
    if (this.#waiters.some(({ taker }) => this.wantOf(taker) > 0)) this.wake()
    // A pipeline that waits for room, too: the worker whose end would make some may die.
    if (this.#line.size > 0 || this.#waiters.length > 0) this.#watch()
  }

  /**
   * Takes what belongs into the same job, too; of a lane all that waits: when the first is to be tried again, its dispatcher gives back
   * all of the lane that it holds, and a delivery left in line would overtake them.
   */
  #withMore(next: Waiting): readonly Delivery[] {
    const { taker, delivery } = next
    const { lane } = delivery
    if (lane === undefined && taker.perJob === 1) {
      this.#leaveTurn(next)
      return [delivery]
    }
    const rest =
      lane === undefined
        ? this.#line.takeMore(taker.name, taker.perJob - 1, (waiting) => waiting.delivery.lane === undefined)
        : this.#line.takeMatching(taker.name, (waiting) => waiting.delivery.lane === lane)
    const all = [next, ...rest]
    for (const waiting of all) this.#leaveTurn(waiting)
    return all.map((waiting) => waiting.delivery)
  }

  /** Counts a delivery that comes into the line, and returns its turn. */
  #enterTurn({ name, fairness }: Taker, delivery: Delivery): string | undefined {
    if (fairness === undefined) return undefined
    const turns = this.#turns.get(name) ?? {
      counts: new Map<string, number>(),
      ofLane: new Map<string, string>(),
    }
    this.#turns.set(name, turns)
    const { counts, ofLane } = turns
    const { lane } = delivery
    const known = lane === undefined ? undefined : ofLane.get(lane)
    const turn = known ?? fairness.turnOf(delivery)
    if (lane !== undefined) ofLane.set(lane, turn)
    counts.set(turn, (counts.get(turn) ?? 0) + 1)
    return turn
  }

  /** All of a lane leaves at once: its next job may be another tenant's. */
  #leaveTurn({ taker, turn, delivery: { lane } }: Waiting): void {
    const turns = turn === undefined ? undefined : this.#turns.get(taker.name)
    if (turn === undefined || turns === undefined) return
    const left = (turns.counts.get(turn) ?? 0) - 1
    if (left > 0) turns.counts.set(turn, left)
    else turns.counts.delete(turn)
    if (lane !== undefined) turns.ofLane.delete(lane)
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
