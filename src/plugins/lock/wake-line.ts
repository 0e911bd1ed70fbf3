/**
 * Callers of this server that wait, by resource in the order in which they came. Only the first is woken, and the next one when it leaves: a
 * thousand callers of one resource do not all ask at once.
 */
import type { Clock } from '../../index.js'

/** Place of a caller. */
export interface WakePlace {
  readonly hasLeft: boolean
  /** Resolves when the caller is woken, has left, or after `ms`. */
  woken(clock: Clock, ms: number): Promise<void>
  /** Ends the wait and wakes the next one. Leaving twice is harmless. */
  leave(): void
}

interface Waiter {
  isWoken: boolean
  wake: () => void
}

/** Callers by resource. */
export class WakeLine {
  readonly #waiters = new Map<string, Set<Waiter>>()
  #count = 0
  #whenEmpty: (() => void)[] = []

  get size(): number {
    return this.#count
  }

  enter(resource: string): WakePlace {
    const line = this.#waiters.get(resource) ?? new Set()
    this.#waiters.set(resource, line)
    const waiter: Waiter = { isWoken: false, wake: () => undefined }
    line.add(waiter)
    this.#count += 1
    let hasLeft = false
    return {
      get hasLeft() {
        return hasLeft
      },
      woken: (clock, ms) => untilWoken(waiter, clock, ms),
      leave: () => {
        if (hasLeft) return
        hasLeft = true
        line.delete(waiter)
        this.#count -= 1
        wakeOne(waiter)
        if (line.size === 0) this.#waiters.delete(resource)
        else this.wake(resource)
        if (this.#count === 0) for (const run of this.#whenEmpty.splice(0)) run()
      },
    }
  }

  /** Wakes the first caller; one that is asking just now asks again. */
  wake(resource: string): void {
    const [first] = this.#waiters.get(resource) ?? []
    if (first !== undefined) wakeOne(first)
  }

  wakeAll(): void {
    for (const resource of this.#waiters.keys()) this.wake(resource)
  }

  /** Resolves when nobody is in line. */
  whenEmpty(): Promise<void> {
    if (this.#count === 0) return Promise.resolve()
    return new Promise((resolve) => this.#whenEmpty.push(resolve))
  }
}

function wakeOne(waiter: Waiter): void {
  waiter.isWoken = true
  waiter.wake()
}

async function untilWoken(waiter: Waiter, clock: Clock, ms: number): Promise<void> {
  if (!waiter.isWoken)
    await new Promise<void>((resolve) => {
      const timer = clock.timer(ms, resolve)
      waiter.wake = () => {
        timer.clear()
        resolve()
      }
    })
  waiter.isWoken = false
  waiter.wake = () => undefined
}
