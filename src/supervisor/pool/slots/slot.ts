/** One place of a pool, as `slots.ts` keeps it and `filler.ts` fills it. */
import type { Worker } from '../../worker/worker.js'

/** A place, with a worker or without one. */
export interface Slot {
  worker: Worker | undefined
  /** The generation of a boot that is under way for this place. */
  booting: number | undefined
  /** Boots that failed, or workers that fell at once, since the last good one. */
  failures: number
  /** Somebody sees to the worker that comes next. */
  isRenewing: boolean
  /** Given back: nobody fills it any more. */
  isGone: boolean
}

/** An empty one. */
export function newSlot(): Slot {
  return { worker: undefined, booting: undefined, failures: 0, isRenewing: false, isGone: false }
}

/** Boots failed in it, so that it is empty. */
export function isFailing(slot: Slot): boolean {
  return slot.worker === undefined && slot.failures > 0 && !slot.isRenewing
}
