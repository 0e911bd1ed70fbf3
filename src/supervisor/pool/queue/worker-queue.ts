/**
 * Gives the idle workers of a pool, or their places, round-robin to callers: to those in the waiting line, and to those that wait for an idle
 * worker without taking it. The order of the line is in `waiting-line.ts`.
 */
import type { Clock } from '../../../core/clock.js'
import { ErrorCode, RelayError } from '../../../core/errors.js'
import type { RunOptions } from '../../job.js'
import { controlRequest } from '../../worker/job/running.js'
import { runOn, type WorkerPlace } from '../../worker/place.js'
import type { PoolConfig } from '../keys.js'
import type { AcquireOptions } from '../pool.js'
import { IdleWorkers } from './idle-workers.js'
import { Waiters } from './waiters.js'
import { WaitingLine } from './waiting-line.js'

/** Parts of a queue. */
export interface WorkerQueueOptions {
  readonly pool: string
  readonly config: PoolConfig
  readonly clock: Clock
  /** Aborted when the pool stops. */
  readonly stopped: AbortSignal
  readonly stoppedError: () => RelayError
  /** Called when a caller begins to wait. */
  readonly onWait: () => void
}

// Also without `max_queue_size` a line is not endless: this many callers hold about 100 MB of promises.
const lineLengthMax = 100_000

/** Idle workers and waiting callers of one pool, and the leases on its workers. */
export class WorkerQueue {
  readonly idle = new IdleWorkers()
  readonly line: WaitingLine<WorkerPlace>
  readonly idleWaiters = new Waiters()
  readonly #options: WorkerQueueOptions
  #leaseCount = 0

  constructor(options: WorkerQueueOptions) {
    this.#options = options
    this.line = new WaitingLine(options)
  }

  /** Offers the worker to the line, or parks it as idle. Ignores workers that are not idle. */
  offer(worker: WorkerPlace): void {
    if (worker.state !== 'idle') {
      worker.park?.()
      return
    }
    if (this.line.length > 0 && !this.#isTurnOfIdleWaiters()) {
      this.line.serve(worker)
      return
    }
    this.idle.add(worker)
    this.idleWaiters.wake()
    // A woken caller takes it in this turn of the loop, or leaves it to the line.
    if (this.line.length > 0) setImmediate(() => this.#serveLine())
  }

  /** Counts a lease; `giveBack` ends it. */
  lend(): void {
    this.#leaseCount += 1
  }

  /** Ends a lease; its worker, if it still has one, is free. */
  giveBack(worker: WorkerPlace | undefined): void {
    this.#leaseCount -= 1
    if (worker !== undefined) this.offer(worker)
  }

  /** Waits for a worker until `deadlineMs` (wall clock) at most. */
  take(options: AcquireOptions, deadlineMs?: number): Promise<WorkerPlace> {
    const { clock, config, stopped, stoppedError, onWait } = this.#options
    if (stopped.aborted) return Promise.reject(stoppedError())
    const front = options.front === true
    const worker = this.line.length > 0 && !front ? undefined : this.idle.take()
    if (worker !== undefined) return Promise.resolve(worker)
    const leftMs = deadlineMs === undefined ? Number.POSITIVE_INFINITY : deadlineMs - clock.nowMs()
    const longestMs = options.waitMsMax ?? config.queue_timeout ?? config.allocate_timeout
    onWait()
    return this.line.wait({
      front,
      signal: options.signal,
      priority: options.priority,
      key: options.key,
      waitMsMax: Math.max(0, Math.min(longestMs, leftMs)),
    })
  }

  /** Resolves when `count` workers are idle, without taking them; also when `signal` aborts or the pool stops. */
  async whenIdle(signal: AbortSignal | undefined, count: number): Promise<void> {
    const { clock, stopped, onWait } = this.#options
    const since = clock.monotonicMs()
    while (this.idle.size < count && !stopped.aborted && signal?.aborted !== true) {
      onWait()
      await this.idleWaiters.wait(signal, since)
    }
  }

  /** Sends a control request to every idle worker that announced `feature`; resolves with their number, rejects with the first fault. */
  async ask(feature: string, message: object, options: RunOptions): Promise<number> {
    const asked = new Map<number, WorkerPlace>()
    const held: WorkerPlace[] = []
    for (let place = this.idle.take(); place !== undefined; place = this.idle.take()) {
      if (place.has(feature) && !asked.has(place.pid)) asked.set(place.pid, place)
      else held.push(place)
    }
    for (const place of held) this.offer(place)
    const outcomes = await Promise.all(
      [...asked.values()].map((place) =>
        runOn(place, controlRequest(message), options).finally(() => this.offer(place)),
      ),
    )
    for (const outcome of outcomes) if (outcome.kind === 'fault') throw outcome.error
    return asked.size
  }

  /** Throws RR_POOL_QUEUE_FULL when there is no room for one more job beside those that wait and those of leases. */
  checkRoom(): void {
    const asked = this.#options.config.max_queue_size
    const inside = this.line.length + this.#leaseCount
    if ((asked === 0 || inside < asked) && this.line.length < lineLengthMax) return
    const text = `pool "${this.#options.pool}" holds ${inside} jobs, its max_queue_size is ${asked === 0 ? lineLengthMax : asked}`
    throw new RelayError(ErrorCode.PoolQueueFull, text, {
      hint: 'Raise `max_queue_size` or `num_workers`, or slow the source.',
    })
  }

  /** Ends all waiting because the pool stops. */
  close(): void {
    this.line.failAll(this.#options.stoppedError())
    this.idleWaiters.wake()
  }

  /**
   * True when a caller of `whenIdle` has waited longer than the line, so that the line cannot starve it; callers in front
   * still go first.
   */
  #isTurnOfIdleWaiters(): boolean {
    if (this.line.hasFront) return false
    const since = this.idleWaiters.oldestSince
    return since !== undefined && this.#options.clock.monotonicMs() - since > this.line.oldestMs()
  }

  #serveLine(): void {
    while (this.line.length > 0) {
      const worker = this.idle.take()
      if (worker === undefined) return
      this.line.serve(worker)
    }
  }
}
