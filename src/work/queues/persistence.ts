/**
 * Repeats calls to a queue's server while it cannot be reached, for as long as what they are about is worth it: a job that is done must
 * not run again only because the server restarts at that moment.
 */
import { type Clock, sleep } from '../../index.js'
import { isQueueFault } from './queue-fault.js'

const firstMs = 50
const waitMsMax = 2000

/** Answer of a call. */
export interface PersistentAnswer<T> {
  readonly answer: T
  /** True when an earlier call failed: it may have been carried out without an answer. */
  readonly isRepeated: boolean
}

/** Repeats calls until its end. */
export class Persistence {
  readonly #clock: Clock
  readonly #end = new AbortController()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Calls again after a fault of the server until `untilMs`, a wall-clock time. Rejects with the last fault. */
  async ask<T>(call: () => Promise<T>, untilMs: number): Promise<PersistentAnswer<T>> {
    for (
      let waitMs = firstMs, isRepeated = false;
      ;
      waitMs = Math.min(waitMsMax, waitMs * 2), isRepeated = true
    ) {
      try {
        return { answer: await call(), isRepeated }
      } catch (error) {
        const isOver = this.#end.signal.aborted || this.#clock.nowMs() + waitMs >= untilMs
        if (!isQueueFault(error) || isOver) throw error
        await sleep(this.#clock, waitMs, this.#end.signal)
      }
    }
  }

  /** Ends all waits: calls that fail from now on are not repeated. */
  end(): void {
    this.#end.abort()
  }
}
