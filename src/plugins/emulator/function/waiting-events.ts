/** The events of a function that nobody has taken so far, first come first served. */
import type { Event } from './event.js'
import type { FunctionError } from './invocation.js'

/** Events that wait at most; then an invoke is refused. */
export const waitingMax = 1000

/** Waiting events of one function. They are few, so that they may be searched. */
export class WaitingEvents {
  #events: Event[] = []

  get length(): number {
    return this.#events.length
  }

  /** First of the line. */
  get first(): Event | undefined {
    return this.#events[0]
  }

  has(event: Event): boolean {
    return this.#events.includes(event)
  }

  add(event: Event): void {
    this.#events.push(event)
  }

  /** The first one is to be handed out. */
  take(): Event | undefined {
    return this.#events.shift()
  }

  /** Takes an event out of the line and clears its timer; does nothing when it is not in it. */
  leave(event: Event): void {
    if (!this.has(event)) return
    this.#events = this.#events.filter((one) => one !== event)
    event.timer?.clear()
  }

  /** Settles all of them. */
  failAll(result: FunctionError): void {
    for (const event of this.#events.splice(0)) {
      event.timer?.clear()
      event.settle(result)
    }
  }
}
