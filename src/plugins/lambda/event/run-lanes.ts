/**
 * Runs the records of a batch: lanes side by side on whatever workers fall idle, the jobs of a lane one after the other. After a
 * record that failed, the rest of an ordered lane fails without being run. Every record gets exactly one verdict.
 */
import { deferred, type Lease, type Pool } from '../../../index.js'
import type { Verdict } from '../answer/verdict.js'
import { ErrorType, lambdaError } from '../errors.js'

/** Jobs that run one after the other. */
export interface Lane {
  /** Indexes of records, job by job. */
  readonly jobs: readonly (readonly number[])[]
  /** False: records that were only put together, and do not wait for each other's success. */
  readonly isOrdered: boolean
}

/** What to run. */
export interface LanesOptions {
  readonly pool: Pool
  readonly lanes: readonly Lane[]
  /** Runs one job on a worker, with one verdict a record; never rejects. */
  readonly runJob: (indexes: readonly number[], lease: Lease) => Promise<readonly Verdict[]>
  /** Called while all workers are busy, with the job that will be run next: time to get it ready. */
  readonly prepare: (indexes: readonly number[]) => void
  /** Why no worker could be had; for records that were not run. */
  readonly onNoWorker: (error: unknown) => Verdict
  /** True for a verdict after which the rest of an ordered lane must not run. */
  readonly isFailed: (verdict: Verdict) => boolean
  /** Called with each verdict; `isHeldBack` marks a record that was not run because an earlier one failed. */
  readonly onVerdict: (index: number, verdict: Verdict, isHeldBack: boolean) => void
  /** Called when a lane ends with `count` records held back behind the one that failed. */
  readonly onHeldBack?: (count: number, failed: number) => void
  /** Aborted at the deadline, and when the server must answer now: nothing further is begun. */
  readonly signal: AbortSignal
}

/**
 * Lanes of record indexes → lanes of jobs with up to `recordsPerJob` records. Records that have a lane to themselves are put
 * together, longer lanes are cut; a suspect (a record that was in a job that killed its worker) gets a job of its own. Pure.
 */
export function toJobLanes(
  lanes: readonly (readonly number[])[],
  recordsPerJob: number,
  isSuspect: (index: number) => boolean = () => false,
): readonly Lane[] {
  if (recordsPerJob === 1)
    return lanes.map((lane) => ({ jobs: lane.map((index) => [index]), isOrdered: lane.length > 1 }))
  const alone = lanes.flatMap((lane) => (lane.length === 1 ? lane : []))
  const ordered = lanes.filter((lane) => lane.length > 1)
  return [
    ...cut(alone, recordsPerJob, isSuspect).map((job) => ({ jobs: [job], isOrdered: false })),
    ...ordered.map((lane) => ({ jobs: cut(lane, recordsPerJob, isSuspect), isOrdered: true })),
  ]
}

function cut(
  indexes: readonly number[],
  size: number,
  isSuspect: (index: number) => boolean,
): readonly (readonly number[])[] {
  const jobs: number[][] = []
  let open: number[] | undefined
  for (const index of indexes) {
    if (isSuspect(index)) {
      jobs.push([index])
      open = undefined
    } else if (open === undefined || open.length >= size) {
      open = [index]
      jobs.push(open)
    } else open.push(index)
  }
  return jobs
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
  readonly #finished = deferred()

  constructor(options: LanesOptions) {
    this.#options = options
  }

  async run(): Promise<void> {
    const { pool, signal } = this.#options
    // Only the first worker is waited for in line; while one is held, nothing waits for another.
    const first = pool.tryAcquire() ?? (await this.#acquire(pool, signal))
    if (first !== undefined) this.#start(first)
    this.#deal()
    return this.#finished.promise
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
    const [first] = lanes[this.#next]?.jobs ?? []
    if (first === undefined) {
      if (this.#running === 0) this.#finished.resolve()
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

  async #runLane({ jobs, isOrdered }: Lane, lease: Lease): Promise<void> {
    const { runJob, isFailed, onVerdict, onHeldBack } = this.#options
    let failed: number | undefined
    let heldBack = 0
    for (const indexes of jobs) {
      // What follows a failed record must come again behind it, also when its worker had done with it.
      const verdicts = failed === undefined ? await runJob(indexes, lease) : []
      for (const [place, index] of indexes.entries()) {
        const verdict = verdicts[place]
        if (failed !== undefined || verdict === undefined) {
          onVerdict(index, unrun(failed ?? index), true)
          heldBack += 1
          continue
        }
        onVerdict(index, verdict, false)
        if (isOrdered && isFailed(verdict)) failed = index
      }
    }
    if (failed !== undefined && heldBack > 0) onHeldBack?.(heldBack, failed)
  }

  #failRest(error: unknown): void {
    const { lanes, onNoWorker, onVerdict } = this.#options
    for (const lane of lanes.slice(this.#next))
      for (const index of lane.jobs.flat()) onVerdict(index, onNoWorker(error), false)
    this.#next = lanes.length
  }
}

function unrun(failed: number): Verdict {
  const text = `held back: record ${failed + 1} of the batch, which comes before it in its group, failed`
  return { kind: 'again', error: lambdaError(ErrorType.JobFailed, text) }
}
