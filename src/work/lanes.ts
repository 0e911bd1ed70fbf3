/**
 * Puts deliveries in line: one delivery of a lane runs at a time, in the order in which they came; different lanes run side by side.
 * Knows no workers and no time.
 */
import type { Delivery } from './source.js'

/** Options of lanes. */
export interface LanesOptions {
  /** Deliveries that one job holds at most. */
  readonly perJob: number
  /** `group`: lanes as the deliveries name them. `strict`: all deliveries that have a lane share one. */
  readonly order: 'group' | 'strict'
  /** True for a delivery that must not share a job. */
  readonly isAlone: (delivery: Delivery) => boolean
}

/** One lane. */
export interface Lane {
  /** False for deliveries without a lane that were only put together into one job. */
  readonly isOrdered: boolean
  /** Deliveries that have not begun, in their order. */
  readonly waiting: readonly Delivery[]
}

class OpenLane implements Lane {
  readonly key: string | undefined
  waiting: Delivery[] = []
  isRunning = false

  constructor(key: string | undefined) {
    this.key = key
  }

  get isOrdered(): boolean {
    return this.key !== undefined
  }
}

/** The lanes of one dispatcher. */
export class Lanes {
  readonly #options: LanesOptions
  readonly #byKey = new Map<string, OpenLane>()
  /** Lanes that nobody runs and that have deliveries; those before `#next` were taken. */
  #ready: OpenLane[] = []
  #next = 0
  #waitingCount = 0
  /** The last lane of deliveries without one, as long as its job has room. */
  #gathering: OpenLane | undefined

  constructor(options: LanesOptions) {
    this.#options = options
  }

  /** Number of deliveries that have not begun. */
  get waitingCount(): number {
    return this.#waitingCount
  }

  /** Puts a delivery at the end of its lane. */
  add(delivery: Delivery): void {
    this.#waitingCount += 1
    const { lane: name } = delivery
    const lane = name === undefined ? this.#gatheringFor(delivery) : this.#laneOf(name)
    lane.waiting.push(delivery)
    if (lane.waiting.length === 1 && !lane.isRunning) this.#ready.push(lane)
  }

  /** The lane that runs next; undefined when none is ready. */
  get next(): Lane | undefined {
    return this.#ready[this.#next]
  }

  /** Takes the next lane; it is held until `leave`. */
  take(): Lane | undefined {
    const lane = this.#ready[this.#next]
    if (lane === undefined) return undefined
    this.#next += 1
    // The taken ones are dropped together: a shift of a long list would move all that follow.
    if (this.#next === this.#ready.length) {
      this.#ready = []
      this.#next = 0
    }
    lane.isRunning = true
    if (lane === this.#gathering) this.#gathering = undefined
    return lane
  }

  /** Number of deliveries in the lane's next job. */
  jobSizeOf({ waiting }: Lane): number {
    const { perJob, isAlone } = this.#options
    const sizeMax = Math.min(perJob, waiting.length)
    if (sizeMax <= 1) return sizeMax
    const firstAlone = waiting.findIndex((delivery, at) => at < sizeMax && isAlone(delivery))
    return firstAlone < 0 ? sizeMax : Math.max(1, firstAlone)
  }

  /** Takes deliveries from the front of a held lane, all of them by default. */
  shift(lane: Lane, count: number = lane.waiting.length): readonly Delivery[] {
    this.#waitingCount -= count
    return heldOf(lane).waiting.splice(0, count)
  }

  /** Lets go of a held lane; what came meanwhile is ready to run. */
  leave(lane: Lane): void {
    const held = heldOf(lane)
    held.isRunning = false
    if (held.waiting.length > 0) this.#ready.push(held)
    else if (held.key !== undefined) this.#byKey.delete(held.key)
  }

  /** Takes all deliveries that have not begun but those of held lanes. */
  clear(): readonly Delivery[] {
    const ready = this.#ready.slice(this.#next)
    this.#ready = []
    this.#next = 0
    this.#gathering = undefined
    return ready.flatMap((lane) => {
      if (lane.key !== undefined) this.#byKey.delete(lane.key)
      return this.shift(lane)
    })
  }

  #laneOf(name: string): OpenLane {
    const key = this.#options.order === 'strict' ? '' : name
    const known = this.#byKey.get(key)
    if (known !== undefined) return known
    const lane = new OpenLane(key)
    this.#byKey.set(key, lane)
    return lane
  }

  #gatheringFor(delivery: Delivery): OpenLane {
    const { perJob, isAlone } = this.#options
    if (perJob === 1) return new OpenLane(undefined)
    if (isAlone(delivery)) {
      this.#gathering = undefined
      return new OpenLane(undefined)
    }
    const open = this.#gathering
    if (open !== undefined && open.waiting.length < perJob) return open
    this.#gathering = new OpenLane(undefined)
    return this.#gathering
  }
}

function heldOf(lane: Lane): OpenLane {
  if (lane instanceof OpenLane) return lane
  throw new Error('bug in relayrunner: a lane that is not of these lanes')
}
