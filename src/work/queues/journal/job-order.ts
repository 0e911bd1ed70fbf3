/**
 * The order in which jobs of a pipeline are delivered: as they were pushed, within their priority and turn; priorities are weights, turns
 * (tenants) follow each other. Of a lane one job
 * at a time is on its way, also while it waits for its next try. Has no clock: the caller passes the time.
 *
 * Invariant: a job is ready, waits for its time, waits in its lane, is in hand, or is not in the order.
 */
import { FirstHeap } from './first-heap.js'

/** Properties by which a job is ordered; only `dueMs` may change, and only while the job is in hand or not in the order. */
export interface OrderedJob {
  readonly sequence: number
  /** A weight, less is more often. */
  readonly priority: number
  readonly lane: string | undefined
  /** Key of its turn. */
  readonly turn: string
  readonly dueMs: number
}

interface Lane<J> {
  readonly waiting: FirstHeap<J>
  /** Job of the lane that is ready, waits for its next try, or is in hand. */
  front: J | undefined
}

interface PriorityClass<J> {
  /** Jobs by turn, in the order of their turns; a turn is here while it has jobs. */
  readonly turns: Map<string, FirstHeap<J>>
  /** Virtual time at which its next service ends; the smallest is taken. */
  finish: number
}

const bySequence = (a: OrderedJob, b: OrderedJob) => a.sequence < b.sequence

/** The jobs of one pipeline. */
export class JobOrder<J extends OrderedJob> {
  readonly #classes = new Map<number, PriorityClass<J>>()
  readonly #later = new FirstHeap<J>((a, b) => a.dueMs < b.dueMs)
  readonly #lanes = new Map<string, Lane<J>>()
  #virtualTime = 0
  #ready = 0
  #inLanes = 0

  /** Jobs that could be delivered now, those behind another one of their lane included. */
  get ready(): number {
    return this.#ready + this.#inLanes
  }

  /** Jobs that wait for their time. */
  get later(): number {
    return this.#later.size
  }

  /** Time at which the next job is due; undefined when none waits. */
  get nextDueMs(): number | undefined {
    return this.#later.first?.dueMs
  }

  /** The job that was pushed first, of those that are ready. */
  get oldest(): J | undefined {
    let oldest: J | undefined
    for (const { turns } of this.#classes.values())
      for (const { first } of turns.values())
        if (first !== undefined && (oldest === undefined || bySequence(first, oldest))) oldest = first
    return oldest
  }

  /** Adds a new job. */
  add(job: J, nowMs: number): void {
    if (job.dueMs > nowMs) this.#later.add(job)
    else this.#enter(job)
  }

  /** Puts a job in hand back: at once, or when it is due. Its lane waits for it. */
  putBack(job: J, nowMs: number): void {
    if (job.dueMs > nowMs) this.#later.add(job)
    else this.#makeReady(job)
  }

  /** Forgets a job in hand: its lane goes on. */
  finish(job: J): void {
    const lane = job.lane === undefined ? undefined : this.#lanes.get(job.lane)
    if (lane?.front !== job) return
    lane.front = undefined
    this.#advance(lane, job.lane ?? '')
  }

  /** Takes the next job into hand. */
  take(nowMs: number): J | undefined {
    this.#surface(nowMs)
    let chosen: PriorityClass<J> | undefined
    let cost = 0
    for (const [priority, one] of this.#classes)
      if (chosen === undefined || one.finish < chosen.finish) [chosen, cost] = [one, priority]
    const [entry] = chosen?.turns ?? []
    if (chosen === undefined || entry === undefined) return undefined
    const [turn, jobs] = entry
    const job = jobs.take()
    this.#virtualTime = chosen.finish
    chosen.finish += cost
    if (jobs.size === 0) chosen.turns.delete(turn)
    else if (chosen.turns.size > 1) {
      chosen.turns.delete(turn)
      chosen.turns.set(turn, jobs)
    }
    if (chosen.turns.size === 0) this.#classes.delete(cost)
    this.#ready -= 1
    return job
  }

  #surface(nowMs: number): void {
    for (let next = this.#later.first; next !== undefined && next.dueMs <= nowMs; next = this.#later.first) {
      this.#later.take()
      this.#enter(next)
    }
  }

  #enter(job: J): void {
    if (job.lane === undefined) {
      this.#makeReady(job)
      return
    }
    const lane = this.#lanes.get(job.lane) ?? { waiting: new FirstHeap<J>(bySequence), front: undefined }
    this.#lanes.set(job.lane, lane)
    if (lane.front === job) {
      this.#makeReady(job)
      return
    }
    lane.waiting.add(job)
    this.#inLanes += 1
    this.#advance(lane, job.lane)
  }

  #advance(lane: Lane<J>, name: string): void {
    if (lane.front !== undefined) return
    const next = lane.waiting.take()
    if (next === undefined) {
      this.#lanes.delete(name)
      return
    }
    this.#inLanes -= 1
    lane.front = next
    this.#makeReady(next)
  }

  /** A class that comes back begins at the present: it has saved nothing up while it was empty. */
  #makeReady(job: J): void {
    const known = this.#classes.get(job.priority)
    const group = known ?? { turns: new Map(), finish: this.#virtualTime + job.priority }
    if (known === undefined) this.#classes.set(job.priority, group)
    const jobs = group.turns.get(job.turn) ?? new FirstHeap<J>(bySequence)
    if (jobs.size === 0) group.turns.set(job.turn, jobs)
    jobs.add(job)
    this.#ready += 1
  }
}
