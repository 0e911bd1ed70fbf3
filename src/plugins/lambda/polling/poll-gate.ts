/**
 * Several pollers share the workers of one pool: together they ask for no more events than workers are ready, so that no event
 * is accepted that nobody could run. What is not asked for waits with Lambda, which is the back-pressure.
 */
import { onAbort, type Pool } from '../../../index.js'

/** The gate of one pool. */
export class PollGate {
  readonly #pool: Pool
  readonly #isShared: boolean
  #asking = 0
  #wakes: (() => void)[] = []

  /** `isShared`: events come side by side. Else a poller may ask without a ready worker, as Lambda waits for it to ask. */
  constructor(pool: Pool, isShared: boolean) {
    this.#pool = pool
    this.#isShared = isShared
  }

  /** Pollers that have asked and hold no event yet. */
  get asking(): number {
    return this.#asking
  }

  /** Lets one more ask if it need not wait; to be followed by `leave` when the event is there. */
  tryEnter(): boolean {
    if (this.#isShared && this.#asking >= this.#pool.idleCount) return false
    this.#asking += 1
    return true
  }

  /** Resolves when one more may ask, or when `signal` aborts; to be followed by `leave` in either case. */
  async enter(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.tryEnter()) return
      await this.#change(signal)
    }
    this.#asking += 1
  }

  /** The event is there and has its worker, or none came. */
  leave(): void {
    this.#asking -= 1
    this.wake()
  }

  /** A worker may have become free. */
  wake(): void {
    for (const wake of this.#wakes.splice(0)) wake()
  }

  /** Resolves when there are more idle workers than have been asked for, or when another poller has got its event. */
  async #change(signal: AbortSignal): Promise<void> {
    const changed = new AbortController()
    const wake = () => changed.abort()
    this.#wakes.push(wake)
    const stopListening = onAbort(signal, wake)
    await this.#pool.whenIdle(changed.signal, this.#asking + 1)
    stopListening()
    this.#wakes = this.#wakes.filter((one) => one !== wake)
  }
}
