/** One place of a pool, as `slots.ts` keeps it and `filler.ts` fills it. */
import type { Worker } from '../../worker/worker.js'

/** A place, with a worker or without one. */
export interface Slot {
  worker: Worker | undefined
  /** Generation of a boot that is under way for this place. */
  booting: number | undefined
  /** Boots that failed, or workers that fell at once, since the last good one. */
  failures: number
  /** True while its next worker is seen to elsewhere. */
  isRenewing: boolean
  /** True when it was given back: it is not filled any more. */
  isGone: boolean
}

/** Makes an empty place. */
export function newSlot(): Slot {
  return { worker: undefined, booting: undefined, failures: 0, isRenewing: false, isGone: false }
}

/** True when it is empty because boots failed. */
export function isFailing(slot: Slot): boolean {
  return slot.worker === undefined && slot.failures > 0 && !slot.isRenewing
}
