/** The deadline margin: the part of an event's time that is kept for its answer, since Lambda kills the environment at the deadline. Pure. */

const marginShare = 0.1
const marginMsMin = 50

/** Returns the margin in ms: the smaller of `deadline_margin` and a tenth of the time left, at least 50 ms; 0 when it is off. */
export function marginInForce(settingMs: number, leftMs: number): number {
  if (settingMs === 0) return 0
  return Math.max(marginMsMin, Math.min(settingMs, leftMs * marginShare))
}
