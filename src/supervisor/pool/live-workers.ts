/**
 * The workers of a pool whose processes live, the leaving ones included: brings them up, knows which are booting, and when
 * they have gone. `slots/` knows which of them has a place, `queue/` which is idle.
 */
import { setMaxListeners } from 'node:events'
import type { Clock } from '../../core/clock.js'
import { ErrorCode, messageOf, RelayError } from '../../core/errors.js'
import type { Logger } from '../../logging/logger.js'
import { outlasted } from '../worker/job/outcome.js'
import type { Worker } from '../worker/worker.js'
import { labelOf } from '../worker/worker-id.js'
import type { BootWorker, WorkerCallbacks } from './boot/boot-worker.js'
import type { BootStrategy } from './boot/bring-up.js'
import type { PoolEmitter } from './events.js'
import type { WorkerGlance, WorkerInfo } from './pool.js'
import { Waiters } from './queue/waiters.js'

/** Options for the workers of a pool. */
export interface LiveWorkersOptions {
  readonly pool: string
  readonly clock: Clock
  readonly log: Logger
  readonly boot: BootWorker
  readonly calls: Pick<WorkerCallbacks, 'onDue' | 'onLeaving' | 'onDeadline' | 'onWithdraw' | 'onPlace'>
  readonly events: PoolEmitter
}

/** Living workers of one pool. */
export class LiveWorkers {
  /** Woken when a worker has booted, begins to leave, or has ended. */
  readonly changed = new Waiters()
  readonly #options: LiveWorkersOptions
  readonly #workers = new Set<Worker>()
  readonly #booting = new Set<() => readonly string[]>()
  readonly #stopped = new AbortController()
  readonly #calls: WorkerCallbacks
  #bootCount = 0
  /** Jobs of workers that have ended. */
  readonly #past = { jobs: 0, failed: 0 }

  constructor(options: LiveWorkersOptions) {
    this.#options = options
    // Every boot listens to it; Node warns of more than ten as of a leak.
    setMaxListeners(0, this.#stopped.signal)
    this.#calls = {
      ...options.calls,
      onBooting: (lastLines) => {
        this.#booting.add(lastLines)
        return () => void this.#booting.delete(lastLines)
      },
      onExited: (worker) => this.#onExited(worker),
    }
  }

  [Symbol.iterator](): Iterator<Worker> {
    return this.#workers.values()
  }

  /** Aborted when the pool stops. */
  get stopped(): AbortSignal {
    return this.#stopped.signal
  }

  /** Number of workers that take no further job. */
  get leavingCount(): number {
    let count = 0
    for (const worker of this.#workers) if (worker.score.isGone) count += 1
    return count
  }

  /** Last lines of the workers that boot. */
  get bootLines(): readonly string[] {
    return [...this.#booting].flatMap((lastLines) => lastLines())
  }

  /** Lets no more workers boot and gives up boots under way, because the pool stops. */
  close(): void {
    this.#stopped.abort()
  }

  stoppedError(): RelayError {
    return new RelayError(ErrorCode.PoolStopped, `pool "${this.#options.pool}" is stopping`)
  }

  /** Boots one more worker; rejects with the fault of its boot, or RR_POOL_STOPPED. */
  async boot(signal: AbortSignal = this.stopped): Promise<Worker> {
    const { pool, boot } = this.#options
    this.#bootCount += 1
    try {
      const worker = await boot(this.#calls, signal).catch((error: unknown) => {
        throw this.stopped.aborted ? this.stoppedError() : bootError(pool, error)
      })
      if (worker.state !== 'exited') this.#workers.add(worker)
      if (this.stopped.aborted) {
        worker.kill('forced')
        throw this.stoppedError()
      }
      if (worker.state === 'idle') return worker
      const text = `${labelOf(worker.id)} of pool "${pool}" left right after it had become ready`
      throw new RelayError(ErrorCode.WorkerBoot, text, { details: { ...worker.id } })
    } finally {
      this.#bootCount -= 1
      this.changed.wake()
    }
  }

  /** Resolves when the worker's process has ended. */
  gone(worker: Worker): Promise<void> {
    return this.changed.until(() => !this.#workers.has(worker))
  }

  /** Resolves when the worker's process has ended; kills it after `waitMsMax`. */
  goneWithin(worker: Worker, waitMsMax: number): Promise<void> {
    const timer = this.#options.clock.timer(waitMsMax, () =>
      this.killLate(worker, 'reset_timeout', waitMsMax),
    )
    return this.gone(worker).finally(() => timer.clear())
  }

  /** Kills a worker that took too long to leave; its job, if it has one, fails with the cause. */
  killLate(worker: Worker, limit: 'reset_timeout' | 'destroy_timeout', limitMs: number): void {
    const { pool, log } = this.#options
    const { job, id } = worker
    const facts = { pool, ...id, job: job?.id, ...job?.tags, limit, limitMs }
    log.warn(facts, 'a worker took longer than the limit to leave and is killed')
    worker.kill('stop_timeout', outlasted({ id, job, limit, limitMs }))
  }

  /** Resolves when no process lives and none is booting. */
  allGone(): Promise<void> {
    return this.changed.until(() => this.#workers.size === 0 && this.#bootCount === 0)
  }

  #onExited(worker: Worker): void {
    const { pool, events } = this.#options
    const isOurs = this.#workers.delete(worker)
    // A job behind the one in which it ended is told its end right after.
    if (isOurs) queueMicrotask(() => this.#count(worker))
    if (isOurs && events.has('exited')) events.emit('exited', { pool, worker: worker.id, why: worker.why })
    this.changed.wake()
  }

  #count(worker: Worker): void {
    const { answered, failed } = worker.score
    this.#past.jobs += answered
    this.#past.failed += failed
  }

  /** Jobs since the start that have an outcome, and those of them that failed. */
  get totals(): { readonly jobs: number; readonly failed: number } {
    let { jobs, failed } = this.#past
    for (const { score } of this.#workers) {
      jobs += score.answered
      failed += score.failed
    }
    return { jobs, failed }
  }

  /** The workers as they are now. */
  glance(): readonly WorkerGlance[] {
    return [...this.#workers].map((worker) => {
      const { id, state, why, jobCount, runningCount, places, times, createdAtMs, score, oldest } = worker
      return {
        id,
        state,
        why,
        jobs: jobCount,
        failed: score.failed,
        running: runningCount,
        places: places.length,
        job: oldest && { id: oldest.job.id, name: oldest.job.name, beganAt: oldest.beganAt },
        idleSince: times.idleSince,
        createdAtMs,
        printStack: () => worker.printStack(),
      }
    })
  }

  /** Lists the workers as `rr workers` shows them. */
  infos(command: string, measure: BootStrategy['measure']): Promise<readonly WorkerInfo[]> {
    return Promise.all(
      [...this.#workers].map(async (worker) => ({
        pool: this.#options.pool,
        ...worker.id,
        state: worker.state,
        why: worker.why,
        jobs: worker.jobCount,
        running: worker.runningCount,
        places: worker.places.length,
        memoryBytes: await measure(worker),
        createdAtMs: worker.createdAtMs,
        command,
      })),
    )
  }
}

/** Makes the error of a boot that was aborted, or whose surroundings failed, like that of one that failed by itself. */
function bootError(pool: string, error: unknown): Error {
  if (error instanceof RelayError) return error
  const text = `a worker of pool "${pool}" was not brought up: ${messageOf(error)}`
  return new RelayError(ErrorCode.WorkerBoot, text, { cause: error })
}
