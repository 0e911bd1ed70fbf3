/** One slot of a pool, as `slots.ts` keeps it and `filler.ts` fills it. */
import type { Worker } from '../../worker/worker.js'

/** A place for one worker. */
export interface Slot {
  worker: Worker | undefined
  /** Generation of the boot that runs for this slot. */
  booting: number | undefined
  /** Number of boots that failed, or workers that died at once, since the last good one. */
  failures: number
  /** True while a renewal provides its next worker. */
  isRenewing: boolean
  /** True when the slot was removed from the pool: it is not filled any more. */
  isGone: boolean
}

/** Makes an empty slot. */
export function newSlot(): Slot {
  return { worker: undefined, booting: undefined, failures: 0, isRenewing: false, isGone: false }
}

/** True when the slot has no worker and no renewal is under way. */
export function isEmpty({ worker, isRenewing }: Slot): boolean {
  return worker === undefined && !isRenewing
}

/** True when the slot is empty because boots failed. */
export function isFailing(slot: Slot): boolean {
  return slot.worker === undefined && slot.failures > 0 && !slot.isRenewing
}
