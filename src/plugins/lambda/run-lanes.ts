/**
 * Runs the records of a batch: lanes side by side on whatever workers fall idle, the records of a lane one after the other.
 * After a record that failed, the rest of its lane fails without being run. Every record gets exactly one verdict.
 */
import type { Lease, Pool } from '../../index.js'
import { ErrorType, lambdaError } from './errors.js'
import type { Verdict } from './verdict.js'

/** What to run. */
export interface LanesOptions {
  readonly pool: Pool
  /** Indexes of records, lane by lane. */
  readonly lanes: readonly (readonly number[])[]
  /** Runs one record on a worker; never rejects. */
  readonly runRecord: (index: number, lease: Lease) => Promise<Verdict>
  /** Called while all workers are busy, with the record that will be run next: time to get it ready. */
  readonly prepare: (index: number) => void
  /** Why no worker could be had; for records that were not run. */
  readonly onNoWorker: (error: unknown) => Verdict
  /** True for a verdict after which the rest of a lane must not run. */
  readonly isFailed: (verdict: Verdict) => boolean
  /** Each verdict as it falls. */
  readonly onVerdict: (index: number, verdict: Verdict) => void
  /** Aborted at the deadline, and when the server must answer now: nothing further is begun. */
  readonly signal: AbortSignal
}

/** Resolves when every lane has ended. Never rejects. */
export function runLanes(options: LanesOptions): Promise<void> {
  return new Lanes(options).run()
}

class Lanes {
  readonly #options: LanesOptions
  #next = 0
  #running = 0
  #isWatching = false
  #finish!: () => void

  constructor(options: LanesOptions) {
    this.#options = options
  }

  async run(): Promise<void> {
    const { pool, signal } = this.#options
    const finished = new Promise<void>((resolve) => {
      this.#finish = resolve
    })
    // Only the first worker is waited for in line; while one is held, nothing waits for another.
    const first = pool.tryAcquire() ?? (await this.#acquire(pool, signal))
    if (first !== undefined) this.#start(first)
    this.#deal()
    return finished
  }

  async #acquire(pool: Pool, signal: AbortSignal): Promise<Lease | undefined> {
    try {
      return await pool.acquire({ front: true, signal })
    } catch (error) {
      this.#failRest(error)
      return undefined
    }
  }

  /** Gives lanes to idle workers; what is left waits for the next that falls idle. */
  #deal(): void {
    const { pool, lanes, signal } = this.#options
    while (this.#next < lanes.length) {
      const lease = pool.tryAcquire()
      if (lease === undefined) break
      this.#start(lease)
    }
    const [first] = lanes[this.#next] ?? []
    if (first === undefined) {
      if (this.#running === 0) this.#finish()
      return
    }
    if (this.#running > 0) this.#options.prepare(first)
    if (this.#running === 0) {
      void this.#acquire(pool, signal).then((lease) => {
        if (lease !== undefined) this.#start(lease)
        this.#deal()
      })
    } else if (!this.#isWatching) this.#watch()
  }

  /** Deals again when a worker falls idle that no lane of ours gave back: one that has booted, or that others left. */
  #watch(): void {
    const { pool, lanes, signal } = this.#options
    this.#isWatching = true
    // Without the signal, whose listeners would cost more than the wait: an abort ends the lanes that run, and they deal.
    void pool.whenIdle().then(() => {
      this.#isWatching = false
      while (this.#next < lanes.length) {
        const lease = pool.tryAcquire()
        if (lease === undefined) break
        this.#start(lease)
      }
      // Somebody else was quicker. In a pool that stops `whenIdle` resolves at once: the lanes that run deal the rest.
      if (this.#next < lanes.length && this.#running > 0 && !pool.isStopping && !signal.aborted) this.#watch()
    })
  }

  #start(lease: Lease): void {
    const lane = this.#options.lanes[this.#next]
    this.#next += 1
    if (lane === undefined) {
      lease.release()
      return
    }
    this.#running += 1
    void this.#runLane(lane, lease).then(() => {
      lease.release()
      this.#running -= 1
      this.#deal()
    })
  }

  async #runLane(lane: readonly number[], lease: Lease): Promise<void> {
    const { runRecord, isFailed, onVerdict } = this.#options
    for (const [place, index] of lane.entries()) {
      const verdict = await runRecord(index, lease)
      onVerdict(index, verdict)
      if (!isFailed(verdict)) continue
      for (const later of lane.slice(place + 1)) onVerdict(later, unrun(index))
      return
    }
  }

  #failRest(error: unknown): void {
    const { lanes, onNoWorker, onVerdict } = this.#options
    for (const lane of lanes.slice(this.#next)) for (const index of lane) onVerdict(index, onNoWorker(error))
    this.#next = lanes.length
  }
}

function unrun(failed: number): Verdict {
  const text = `not run: record ${failed + 1} of the batch, which comes before it in its group, failed`
  return { kind: 'again', error: lambdaError(ErrorType.JobFailed, text) }
}
