/** Line of the jobs that wait in their places, because one of a worker's jobs runs alone or is to. Sends nothing itself. */
import type { SharedJob } from './shared-job.js'

/** Line of one worker. */
export class AloneLine {
  #waiting: SharedJob[] = []
  /** Number of jobs that must run alone, sent or waiting. */
  #aloneCount = 0

  /** True while one of its jobs runs alone or waits for that. */
  get isClosed(): boolean {
    return this.#aloneCount > 0
  }

  /** Jobs that wait, in their order; a copy. */
  get waiting(): readonly SharedJob[] {
    return [...this.#waiting]
  }

  has(job: SharedJob): boolean {
    return this.#waiting.includes(job)
  }

  /** Counts a job that comes; true when the line closes with it. */
  enter({ isAlone }: SharedJob): boolean {
    if (isAlone) this.#aloneCount += 1
    return isAlone && this.#aloneCount === 1
  }

  /** Counts a job that has ended. */
  leave({ isAlone }: SharedJob): void {
    if (isAlone) this.#aloneCount -= 1
  }

  add(job: SharedJob): void {
    this.#waiting.push(job)
  }

  remove(job: SharedJob): void {
    this.#waiting = this.#waiting.filter((one) => one !== job)
  }

  /** Takes the next job, if it may begin beside the `count` jobs that the worker has. */
  next(count: number): SharedJob | undefined {
    const [first] = this.#waiting
    if (first === undefined || (count > 0 && (first.isAlone || this.#runsAlone))) return undefined
    return this.#waiting.shift()
  }

  get #runsAlone(): boolean {
    return this.#aloneCount > this.#waiting.filter(({ isAlone }) => isAlone).length
  }
}
