/**
 * The order in which a queue's messages are delivered: visible ones as they were sent, hidden ones by the time at which they
 * become visible. Taking one costs the logarithm of how many wait. Has no clock: the caller passes the time.
 *
 * Invariant: a message is hidden or in the visible ones of its group, and a group is open while it has visible messages and
 * is not locked.
 */
import { Heap } from './heap.js'

/** Properties by which a message is ordered; only `visibleAtMs` and `receiveCount` may change, and only while it is not in the order. */
export interface Ordered {
  readonly sequence: bigint
  /** Messages of one group follow each other. */
  readonly group: string
  readonly visibleAtMs: number
  readonly receiveCount: number
}

/** Options of an order. */
export interface MessageOrderOptions {
  /** FIFO: a group with a message in flight delivers nothing. */
  readonly locksGroups: boolean
  /**
   * Chooses the next visible message where groups are not locked, by a number in [0, 1). Absent: the one that was sent
   * first.
   */
  readonly random?: (() => number) | undefined
}

interface Group<M> {
  readonly name: string
  readonly visible: Heap<M>
  inFlight: number
}

/** The messages of one queue. */
export class MessageOrder<M extends Ordered> {
  readonly #options: MessageOrderOptions
  readonly #hidden = new Heap<M>((a, b) => a.visibleAtMs < b.visibleAtMs)
  readonly #groups = new Map<string, Group<M>>()
  readonly #open = new Heap<Group<M>>((a, b) => sequenceOf(a) < sequenceOf(b))
  #inFlight = 0

  constructor(options: MessageOrderOptions) {
    this.#options = options
  }

  /** Hidden messages that have been delivered. */
  get inFlight(): number {
    return this.#inFlight
  }

  /** Hidden messages that have never been delivered. */
  get delayed(): number {
    return this.#hidden.size - this.#inFlight
  }

  /** The visible message that was sent first, of groups that are not locked. */
  get first(): M | undefined {
    return this.#open.first?.visible.first
  }

  /** Time at which the next hidden message becomes visible; undefined when none is hidden. */
  get nextVisibleMs(): number | undefined {
    return this.#hidden.first?.visibleAtMs
  }

  /** Adds a message, hidden until its time. */
  add(message: M, nowMs: number): void {
    const group = this.#groupOf(message)
    if (message.visibleAtMs <= nowMs) group.visible.add(message)
    else {
      this.#hidden.add(message)
      if (message.receiveCount > 0) this.#countInFlight(group, 1)
    }
    this.#settle(group)
  }

  /** Takes a message out, wherever it is. */
  remove(message: M): void {
    const group = this.#groupOf(message)
    if (!this.#hidden.remove(message)) group.visible.remove(message)
    else if (message.receiveCount > 0) this.#countInFlight(group, -1)
    this.#settle(group)
  }

  /** Makes the messages visible whose time has come. */
  surface(nowMs: number): void {
    for (let next = this.#hidden.first; next !== undefined; next = this.#hidden.first) {
      if (next.visibleAtMs > nowMs) return
      this.remove(next)
      this.add(next, nowMs)
    }
  }

  /** Takes the next visible message of a group that is not locked. What is taken locks its group once it is added again. */
  take(): M | undefined {
    const visible = this.#open.first?.visible
    const { locksGroups, random } = this.#options
    const isRandom = visible !== undefined && random !== undefined && !locksGroups
    const message = isRandom ? visible.at(Math.floor(random() * visible.size)) : visible?.first
    if (message !== undefined) this.remove(message)
    return message
  }

  #groupOf(message: M): Group<M> {
    const name = this.#options.locksGroups ? message.group : ''
    const known = this.#groups.get(name)
    if (known !== undefined) return known
    const group = { name, visible: new Heap<M>((a, b) => a.sequence < b.sequence), inFlight: 0 }
    this.#groups.set(name, group)
    return group
  }

  #countInFlight(group: Group<M>, by: 1 | -1): void {
    group.inFlight += by
    this.#inFlight += by
  }

  /** Puts a group that has changed where it belongs now. */
  #settle(group: Group<M>): void {
    this.#open.remove(group)
    const { name, visible, inFlight } = group
    const isLocked = this.#options.locksGroups && inFlight > 0
    if (visible.size > 0 && !isLocked) this.#open.add(group)
    else if (visible.size === 0 && inFlight === 0) this.#groups.delete(name)
  }
}

/** Returns the sequence number of a group's first visible message; the group must have one. */
function sequenceOf<M extends Ordered>({ visible }: Group<M>): bigint {
  return visible.first?.sequence ?? 0n
}
