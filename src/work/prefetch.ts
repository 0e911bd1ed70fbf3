/**
 * Decides whether a second job may wait in a busy worker's pipe, and keeps the times of jobs by which it decides. Lives longer than a
 * batch. Pure but for its own memory.
 */
import type { Clock } from '../index.js'

/** Workers that are sent a second job: `auto` those that announced `job_id`, so that each answer names its job; `always` all. */
export type PrefetchMode = 'auto' | 'always'

const window = 32
// The longer a job, the more does one lose that waits behind it while another worker falls idle, and the less is saved.
const meanMsMax = 1

/** Prefetch of one source's jobs. */
export class Prefetch {
  /** Only workers that announced `job_id`. */
  readonly isNumbered: boolean
  readonly #clock: Clock
  readonly #tookMs = new Float64Array(window)
  #count = 0

  constructor(mode: PrefetchMode, clock: Clock) {
    this.isNumbered = mode === 'auto'
    this.#clock = clock
  }

  /** True while the mean of the last 32 jobs is under 1 ms; false until so many have ended. */
  isOpen = false

  /** Monotonic ms, for `add`. */
  nowMs(): number {
    return this.#clock.monotonicMs()
  }

  /** Adds the time of a job that has ended. */
  add(tookMs: number): void {
    this.#tookMs[this.#count % window] = tookMs
    this.#count += 1
    if (this.#count < window) return
    let sum = 0
    for (const ms of this.#tookMs) sum += ms
    this.isOpen = sum < window * meanMsMax
  }
}
