/** Changes the number of a pool's slots while it runs: adds some, or removes those first that serve nobody. */
import type { Waiters } from '../queue/waiters.js'
import type { WorkerQueue } from '../queue/worker-queue.js'
import { isEmpty } from '../slots/slot.js'
import type { Slots } from '../slots/slots.js'

/** Parts of the pool that is resized. */
export interface ResizeParts {
  readonly slots: Slots
  readonly queue: WorkerQueue
  /** Woken whenever something of the slots has changed. */
  readonly changed: Waiters
  readonly stopped: AbortSignal
  /** Number of slots that the pool is to have now: that of the last call. */
  readonly wanted: () => number
}

/** Resolves when the pool has as many slots as are wanted. Busy workers above that number leave after their job. */
export async function resizeSlots({ slots, queue, changed, stopped, wanted }: ResizeParts): Promise<void> {
  const surplus = () => Math.max(0, slots.size - wanted())
  slots.grow(Math.max(0, wanted() - slots.size))
  while (surplus() > 0 && !stopped.aborted) {
    slots.shrinkEmpty(surplus())
    slots.shrinkEmpty(surplus(), isEmpty)
    const idle = new Set([...queue.idle])
    const order = [...slots.workers].sort((a, b) => Number(idle.has(b)) - Number(idle.has(a)))
    for (const worker of order) {
      // A worker whose successor is on its way stays where it can be found.
      if (surplus() === 0 || slots.isRenewing(worker)) continue
      queue.idle.remove(worker)
      slots.shrink(worker)
    }
    if (surplus() > 0) await changed.wait(stopped)
  }
}
