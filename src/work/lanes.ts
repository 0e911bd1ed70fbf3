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

/** Several deliveries that run one after the other on one worker, or together in one job. */
export interface Lane {
  /** False for deliveries without a lane that were only put together into one job. */
  readonly isOrdered: boolean
  /** Deliveries that have not begun, in their order. */
  readonly waiting: readonly Delivery[]
}

// Taken places of a line that never becomes empty; each keeps a body in memory until they are dropped.
const droppedMin = 64

/** Next in line: a lane, or a delivery without one, which costs no object of its own. */
export type Turn = Delivery | Lane

/** Tells a lane from a delivery without one. */
export function isLane(turn: Turn): turn is Lane {
  return turn instanceof OpenLane
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
  /** Deliveries without a lane, and lanes that nobody runs and that have deliveries; those before `#next` were taken. */
  #ready: (Delivery | OpenLane)[] = []
  #next = 0
  /** Taken and given back, the last one first: they run before all others. */
  readonly #returned: (Delivery | OpenLane)[] = []
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
    if (name === undefined && this.#options.perJob === 1) {
      this.#ready.push(delivery)
      return
    }
    const lane = name === undefined ? this.#gatheringFor(delivery) : this.#laneOf(name)
    lane.waiting.push(delivery)
    if (lane.waiting.length === 1 && !lane.isRunning) this.#ready.push(lane)
  }

  /** Puts the deliveries of a job back at the front: none of them has begun, and none has a lane. */
  putBack(deliveries: readonly Delivery[]): void {
    const [first] = deliveries
    if (first === undefined) return
    this.#waitingCount += deliveries.length
    if (this.#options.perJob === 1) {
      this.#returned.push(first)
      return
    }
    const lane = new OpenLane(undefined)
    lane.waiting.push(...deliveries)
    this.#returned.push(lane)
  }

  /** Next turn; undefined when nothing is ready. */
  get next(): Turn | undefined {
    return this.#returned.at(-1) ?? this.#ready[this.#next]
  }

  /** Takes what runs next. A delivery has begun with that; a lane is held until `leave`. */
  take(): Turn | undefined {
    const turn = this.#returned.pop() ?? this.#takeReady()
    if (turn === undefined) return undefined
    if (!(turn instanceof OpenLane)) {
      this.#waitingCount -= 1
      return turn
    }
    turn.isRunning = true
    if (turn === this.#gathering) this.#gathering = undefined
    return turn
  }

  /** Number of deliveries in the next job of a turn. */
  jobSizeOf(turn: Turn): number {
    if (!isLane(turn)) return 1
    const { waiting } = turn
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
    const all = [...this.#returned.splice(0).reverse(), ...this.#ready.slice(this.#next)]
    this.#ready = []
    this.#next = 0
    this.#gathering = undefined
    return all.flatMap((turn) => {
      if (turn instanceof OpenLane) {
        if (turn.key !== undefined) this.#byKey.delete(turn.key)
        return this.shift(turn)
      }
      this.#waitingCount -= 1
      return turn
    })
  }

  #takeReady(): Delivery | OpenLane | undefined {
    const turn = this.#ready[this.#next]
    if (turn === undefined) return undefined
    this.#next += 1
    // The taken ones are dropped together, half the list at least: a shift of a long list would move all that follow.
    if (
      this.#next === this.#ready.length ||
      (this.#next >= droppedMin && 2 * this.#next >= this.#ready.length)
    ) {
      this.#ready = this.#ready.slice(this.#next)
      this.#next = 0
    }
    return turn
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
