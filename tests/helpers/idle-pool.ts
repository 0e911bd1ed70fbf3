/** A pool of which only the number of idle workers matters. */
import type { Pool } from '../../src/supervisor/pool/pool.js'
import { Waiters } from '../../src/supervisor/pool/queue/waiters.js'

/** Workers fall idle by `give` and are taken by `take`. */
export interface IdlePool extends Pool {
  give(): void
  take(): void
}

/** Starts with `idle` of them. */
export function idlePool(idle: number): IdlePool {
  const waiters = new Waiters()
  const unused = () => Promise.reject(new Error('not used'))
  let count = idle
  return {
    name: 'idle',
    size: 1,
    isStopping: false,
    get idleCount() {
      return count
    },
    liveCount: 1,
    placeCount: 1,
    booted: Promise.resolve([]),
    workers: async () => [],
    run: unused,
    runAlone: unused,
    acquire: unused,
    tryAcquire: () => undefined,
    bootRest: () => undefined,
    tell: () => 0,
    ask: async () => 0,
    whenIdle: async (signal, wanted = 1) => {
      while (count < wanted && signal?.aborted !== true) await waiters.wait(signal)
    },
    give: () => {
      count += 1
      waiters.wake()
    },
    take: () => {
      count -= 1
    },
  }
}
