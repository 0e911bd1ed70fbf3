/** Wakes those who wait for jobs of a queue: by this process's own changes, or by notifications of the database. */
import { type Clock, onAbort } from '../../index.js'

/** Bells by queue. */
export class Bells {
  readonly #waiting = new Map<string, Set<() => void>>()

  /** Wakes all that wait for a queue; without one, all. */
  ring(queue?: string): void {
    const queues = queue === undefined ? [...this.#waiting.keys()] : [queue]
    for (const name of queues) {
      const wakes = this.#waiting.get(name)
      this.#waiting.delete(name)
      for (const wake of wakes ?? []) wake()
    }
  }

  /** Begins to listen for the next ring, so that none is missed between a look and the wait. */
  listen(queue: string): Ring {
    let isRung = false
    let resolve: (() => void) | undefined
    const wakes = this.#waiting.get(queue) ?? new Set()
    this.#waiting.set(queue, wakes)
    const wake = () => {
      isRung = true
      resolve?.()
    }
    wakes.add(wake)
    return {
      wait: (forMs, clock, signal) =>
        new Promise<void>((done) => {
          if (isRung || signal.aborted || forMs <= 0) return done()
          const timer = clock.timer(forMs, () => resolve?.())
          const stopListening = onAbort(signal, () => resolve?.())
          resolve = () => {
            timer.clear()
            stopListening()
            done()
          }
        }),
      close: () => void wakes.delete(wake),
    }
  }
}

/** One wait for a ring. */
export interface Ring {
  /** Resolves when it has rung, after `forMs`, or with `signal`. */
  wait(forMs: number, clock: Clock, signal: AbortSignal): Promise<void>
  close(): void
}
