/**
 * Jobs that a worker still has although their callers were told an end: over a limit, or given up. The worker is asked to cancel each one. When
 * it does not answer in time it takes no further job, and is ended once all others have ended.
 */
import type { Timer } from '../../../core/clock.js'
import { cancelRequest } from '../../../ipc/control.js'
import type { KillReason } from '../state.js'
import { endedWithAnother } from './shared-faults.js'
import type { SharedJob } from './shared-job.js'
import { cancelFeature, type SharedJobsOptions } from './shared-worker.js'

/** Parts of these jobs. */
export interface HungJobsOptions
  extends Pick<
    SharedJobsOptions,
    'host' | 'worker' | 'cancelGraceMs' | 'leaveTimeoutMs' | 'killGraceMs' | 'termination'
  > {
  /** Number of jobs whose callers wait. */
  readonly others: () => number
}

/** Hung jobs of one worker. */
export class HungJobs {
  readonly #options: HungJobsOptions
  readonly #jobs = new Map<number, SharedJob>()
  readonly #timers = new Map<number, Timer>()
  #limit: Timer | undefined
  /** Why the worker is to be ended; undefined while all its hung jobs may still be cancelled. */
  #why: KillReason | undefined

  constructor(options: HungJobsOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#jobs.size
  }

  /** Returns the hung job of this number. */
  get(id: number): SharedJob | undefined {
    return this.#jobs.get(id)
  }

  /** Adds a job, and asks the worker to cancel it. */
  add(job: SharedJob, why: KillReason): void {
    const { host, worker, cancelGraceMs } = this.#options
    this.#jobs.set(job.id, job)
    if (!job.isNamed || !worker.has(cancelFeature)) {
      this.#replace(job, why)
      return
    }
    host.relay()?.send(cancelRequest(job.id))
    this.#timers.set(
      job.id,
      host.clock.timer(cancelGraceMs, () => this.#replace(job, why)),
    )
  }

  /** Returns the job of this number because the worker has answered it; without a number the only one, if it has none. */
  answered(id: number | undefined): SharedJob | undefined {
    const job = id === undefined ? this.#nameless : this.#jobs.get(id)
    if (job === undefined || job.running.isAnswered) return undefined
    this.#timers.get(job.id)?.clear()
    this.#timers.delete(job.id)
    return job
  }

  /** Forgets a job that was answered. */
  remove({ id }: SharedJob): void {
    this.#jobs.delete(id)
  }

  /** Ends the worker when only jobs are left that it did not cancel. */
  check(): void {
    if (this.#jobs.size === 0) return
    const isHung = [...this.#jobs.values()].some(({ running }) => !running.isAnswered)
    if (this.#why !== undefined && isHung && this.#options.others() === 0) this.#end(this.#why)
  }

  /** Ends all timers because the worker ends. */
  close(): void {
    for (const timer of this.#timers.values()) timer.clear()
    this.#timers.clear()
    this.#limit?.clear()
    this.#why = undefined
  }

  get #nameless(): SharedJob | undefined {
    for (const job of this.#jobs.values()) return job.isNamed ? undefined : job
    return undefined
  }

  /** Ends the worker; its other jobs fail. */
  #end(why: KillReason): void {
    const { host, worker, termination, killGraceMs: graceMs } = this.#options
    // What such a worker's process is at says nothing about one of its jobs: it is not asked for its stack.
    termination.setGrace({ graceMs, stackSignal: undefined })
    worker.kill(why, endedWithAnother(host.id, why))
  }

  #replace(job: SharedJob, why: KillReason): void {
    const { host, worker, leaveTimeoutMs, others } = this.#options
    const { id, tags } = job.running.job
    const facts = { pool: host.pool, ...host.id, job: id, ...tags, why, jobs: others() }
    host.log.warn(
      facts,
      'a job did not end when it was cancelled: its worker is replaced once its other jobs have ended',
    )
    this.#why ??= why
    this.#limit ??= host.clock.timer(leaveTimeoutMs, () => this.#end(why))
    worker.retire('uncancelled')
    this.check()
  }
}
