/** A pool without processes, whose workers take turns of the event loop. */
import type { Lease, Pool } from '../../src/supervisor/pool/pool.js'
import { fakeLease } from './fake-lease.js'

/**
 * Workers idle or busy as in a real pool. `run` is a worker's job by its body and returns the answer's; what it throws fails the job. With `late` one
 * worker more boots when that resolves.
 */
export function turnPool(
  size: number,
  random: () => number,
  run: (body: string) => unknown,
  late?: Promise<void>,
): Pool {
  let idle = late === undefined ? size : size - 1
  const waiters: (() => void)[] = []
  const wake = () => {
    for (const one of waiters.splice(0)) one()
  }
  // One worker more, later: it boots while the batch runs.
  void late?.then(() => {
    idle += 1
    wake()
  })
  const lease = (): Lease => {
    let isReleased = false
    return fakeLease({
      run: async (job) => {
        for (let turns = Math.floor(random() * 4); turns > 0; turns -= 1)
          await new Promise((resolve) => setImmediate(resolve))
        const answer = await run(String(job.body))
        return {
          context: Buffer.alloc(0),
          body: Buffer.from(typeof answer === 'string' ? answer : ''),
          flags: 4,
        }
      },
      release: () => {
        if (isReleased) return
        isReleased = true
        idle += 1
        wake()
      },
    })
  }
  const pool: Pool = {
    name: 'fake',
    size,
    isStopping: false,
    get idleCount() {
      return idle
    },
    liveCount: size,
    placeCount: size,
    booted: Promise.resolve([]),
    workers: async () => [],
    run: () => Promise.reject(new Error('not used')),
    bootRest: () => undefined,
    tell: () => 0,
    ask: async () => 0,
    runAlone: () => Promise.reject(new Error('not used')),
    tryAcquire: () => {
      if (idle === 0) return undefined
      idle -= 1
      return lease()
    },
    acquire: async () => {
      while (idle === 0) await new Promise<void>((resolve) => waiters.push(resolve))
      idle -= 1
      return lease()
    },
    whenIdle: async () => {
      while (idle === 0) await new Promise<void>((resolve) => waiters.push(resolve))
    },
  }
  return pool
}
