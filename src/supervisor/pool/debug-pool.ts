/**
 * A pool for development (`debug: true`): no worker waits for jobs, each job boots one of its own, which leaves after it. So every job runs
 * the code as it is now. `num_workers` is the number of jobs at once.
 */
import type { Undo } from '../../core/abort.js'
import type { Clock } from '../../core/clock.js'
import { messageOf } from '../../core/errors.js'
import type { Job, Reply, RunOptions } from '../job.js'
import { checkedJob, checkRunOptions } from './job-check.js'
import type { PoolConfig } from './keys.js'
import type { AcquireOptions, JobSink, Lease, ManagedPool } from './pool.js'
import { Waiters } from './queue/waiters.js'
import { WaitingLine } from './queue/waiting-line.js'

/** Options of such a pool. */
export interface DebugPoolOptions {
  /** A pool without slots, which boots a worker for each job. */
  readonly workers: ManagedPool
  readonly size: number
  readonly config: Pick<PoolConfig, 'queue_timeout' | 'allocate_timeout'>
  readonly clock: Clock
}

/** Pool whose leases are rights to boot a worker. */
export class DebugPool implements ManagedPool {
  readonly #workers: ManagedPool
  readonly #options: DebugPoolOptions
  readonly #line: WaitingLine<Lease>
  readonly #idleWaiters = new Waiters()
  #size: number
  #lentCount = 0
  #busyCount = 0

  constructor(options: DebugPoolOptions) {
    this.#options = options
    this.#workers = options.workers
    this.#size = options.size
    this.#line = new WaitingLine({ pool: options.workers.name, clock: options.clock })
  }

  get name() {
    return this.#workers.name
  }
  get identity() {
    return this.#workers.identity
  }
  get command() {
    return this.#workers.command
  }
  get events() {
    return this.#workers.events
  }
  get booted() {
    return this.#workers.booted
  }
  get died() {
    return this.#workers.died
  }
  get health() {
    return this.#workers.health
  }
  get isStopping() {
    return this.#workers.isStopping
  }
  get size() {
    return this.#size
  }
  get busyCount() {
    return this.#busyCount
  }
  get isStale() {
    return false
  }
  get waitingCount() {
    return this.#line.length
  }
  get oldestWaitMs() {
    return this.#line.oldestMs()
  }
  get idleCount() {
    return this.isStopping ? 0 : Math.max(0, this.#size - this.#lentCount)
  }

  /** Jobs that it could run at once: it takes work although no worker lives. */
  get liveCount() {
    return this.isStopping ? 0 : this.#size
  }

  get placeCount() {
    return this.liveCount
  }

  get totals() {
    return this.#workers.totals
  }

  glance() {
    return this.#workers.glance()
  }
  bootLines() {
    return this.#workers.bootLines()
  }
  workers() {
    return this.#workers.workers()
  }
  runAlone(job: Job, options?: RunOptions) {
    return this.#workers.runAlone(job, options)
  }
  tell() {
    return 0
  }
  async ask() {
    return 0
  }
  bootRest(): void {
    // No worker is held back.
  }

  async run(job: Job, options: RunOptions & AcquireOptions = {}): Promise<Reply> {
    const lease = await this.acquire(options)
    try {
      return await lease.run(job, options)
    } finally {
      lease.release()
    }
  }

  async acquire({ front = false, signal, priority, key, waitMsMax }: AcquireOptions = {}): Promise<Lease> {
    // It says why there is none.
    if (this.isStopping) return this.#workers.acquire()
    const lease = this.tryAcquire()
    if (lease !== undefined) return lease
    const { queue_timeout: queueMs, allocate_timeout: bootMs } = this.#options.config
    return this.#line.wait({ front, signal, priority, key, waitMsMax: waitMsMax ?? queueMs ?? bootMs })
  }

  tryAcquire(): Lease | undefined {
    return this.idleCount === 0 ? undefined : this.#lend()
  }

  async whenIdle(signal?: AbortSignal, count = 1): Promise<void> {
    while (this.idleCount < count && !this.isStopping && signal?.aborted !== true)
      await this.#idleWaiters.wait(signal)
  }

  /** Resolves at once: the next job runs the new code anyway. */
  async reset(): Promise<void> {
    await this.#workers.reset()
  }

  async resize(size: number): Promise<void> {
    this.#size = size
    this.#serve()
  }

  async stop(graceMs: number): Promise<void> {
    const stopped = this.#workers.stop(graceMs)
    this.#serve()
    await stopped
  }

  kill(): void {
    this.#workers.kill()
    this.#serve()
  }

  #lend(): Lease {
    this.#lentCount += 1
    return new DebugLease({
      pool: this.name,
      clock: this.#options.clock,
      run: (job, options) => this.#run(job, options),
      onReleased: () => {
        this.#lentCount -= 1
        this.#serve()
      },
    })
  }

  async #run(job: Job, options: RunOptions): Promise<Reply> {
    this.#busyCount += 1
    try {
      return await this.#workers.runAlone(job, options)
    } finally {
      this.#busyCount -= 1
    }
  }

  /** Gives free rights to those who wait. Those who wait at the stop learn from their job that the pool has stopped. */
  #serve(): void {
    while (this.#line.length > 0 && (this.isStopping || this.idleCount > 0)) this.#line.serve(this.#lend())
    this.#idleWaiters.wake()
  }
}

interface DebugLeaseOptions {
  readonly pool: string
  readonly clock: Clock
  readonly run: (job: Job, options: RunOptions) => Promise<Reply>
  readonly onReleased: () => void
}

/** The right to one worker at a time, each booted for its job. */
class DebugLease implements Lease {
  /** The worker is another for each job. */
  readonly pid = undefined
  /** Always false: the next job boots a worker anyway, and callers in line go first. */
  readonly mayGoOn = false
  readonly #options: DebugLeaseOptions
  #isReleased = false

  constructor(options: DebugLeaseOptions) {
    this.#options = options
  }

  run(job: Job, options: RunOptions = {}): Promise<Reply> {
    return new Promise((done, failed) => this.start(job, options, { done, failed }))
  }

  start(given: Job, options: RunOptions, sink: JobSink): void {
    const { pool, clock, run } = this.#options
    const job = checkedJob(given, pool)
    checkRunOptions(options, { pool, id: job.id, nowMs: clock.nowMs() })
    run(job, options).then(
      (reply) => sink.done(reply),
      (error: unknown) => sink.failed(error instanceof Error ? error : new Error(messageOf(error))),
    )
  }

  hasRoom(): boolean {
    return false
  }

  startNext(): void {
    throw new Error('bug in relayrunner: a second job for a worker that is booted for one')
  }

  joinWrites(): Undo {
    return () => undefined
  }

  release(): void {
    if (this.#isReleased) return
    this.#isReleased = true
    this.#options.onReleased()
  }
}
