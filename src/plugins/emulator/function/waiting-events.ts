/** The waiting events of a function, first come, first served. */
import type { Event } from './event.js'
import type { FunctionError } from './invocation.js'

/** Maximum number of waiting events; further invokes are refused. */
export const waitingMax = 1000

/** Waiting events of one function. They are few, so a search is cheap. */
export class WaitingEvents {
  #events: Event[] = []

  get length(): number {
    return this.#events.length
  }

  /** First waiting event. */
  get first(): Event | undefined {
    return this.#events[0]
  }

  has(event: Event): boolean {
    return this.#events.includes(event)
  }

  add(event: Event): void {
    this.#events.push(event)
  }

  /** Removes the first event, to be handed out. */
  take(): Event | undefined {
    return this.#events.shift()
  }

  /** Removes an event and clears its timer; does nothing when it does not wait. */
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
