/**
 * A pool of workers, put together from its parts: `live-workers.ts` has the living workers, `queue/` gives them to callers,
 * `slots/` refills the slots of those that ended, `boot/` boots workers, `upkeep/` grows the pool and renews workers.
 */
import { deferred } from '../../core/deferred.js'
import type { Job, Reply, RunOptions } from '../job.js'
import type { Identity } from '../worker/os/identity.js'
import type { Worker } from '../worker/worker.js'
import { DeadlineWatch } from './deadline-watch.js'
import { PoolEmitter } from './events.js'
import { checkedJob, checkRunOptions } from './job-check.js'
import { JobRecords } from './job-records.js'
import { LiveWorkers } from './live-workers.js'
import type {
  AcquireOptions,
  Lease,
  ManagedPool,
  PoolHealth,
  WorkerBoot,
  WorkerGlance,
  WorkerInfo,
} from './pool.js'
import { type LeaseParts, PoolLease } from './queue/lease.js'
import { WorkerQueue } from './queue/worker-queue.js'
import { runAlone } from './run-alone.js'
import { Resets } from './slots/reset.js'
import { Slots } from './slots/slots.js'
import { Autoscaler, scalePolicyOf } from './upkeep/autoscaler.js'
import { resizeSlots } from './upkeep/resize.js'
import { Retirement } from './upkeep/retirement.js'
import type { WorkerPoolOptions } from './worker-pool-options.js'

/** Workers of one kind, processes or threads, behind the `Pool` port. */
export class WorkerPool implements ManagedPool {
  readonly name: string
  readonly booted: Promise<readonly WorkerBoot[]>
  readonly #died = deferred<Error>()
  readonly died = this.#died.promise
  readonly events: PoolEmitter
  readonly #options: WorkerPoolOptions
  readonly #live: LiveWorkers
  readonly #queue: WorkerQueue
  readonly #slots: Slots
  readonly #retirement: Retirement
  readonly #autoscaler: Autoscaler | undefined
  readonly #resets: Resets
  readonly #deadlines: DeadlineWatch
  readonly #leaseParts: LeaseParts
  /** Size of the last resize. */
  #sizeWanted = 0

  constructor(options: WorkerPoolOptions) {
    this.name = options.name
    this.#options = options
    this.events = options.events ?? new PoolEmitter(options.log)
    this.#live = this.#makeLive()
    this.#deadlines = new DeadlineWatch({ clock: options.clock, all: () => this.#live })
    this.#queue = this.#makeQueue()
    const { name: pool, clock, ledger } = options
    const records = new JobRecords({ pool, clock, ledger, events: this.events })
    this.#leaseParts = { pool, clock, queue: this.#queue, records }
    this.#slots = this.#makeSlots()
    this.booted = this.#slots.start()
    const parts = {
      slots: this.#slots,
      events: this.events,
      leavingCount: () => this.#live.leavingCount + this.#slots.renewingCount,
    }
    this.#retirement = new Retirement({ ...options, ...parts })
    this.#autoscaler = this.#makeAutoscaler()
    this.#resets = new Resets({ ...options, ...parts, live: this.#live })
  }

  get size(): number {
    return this.#slots.size
  }

  get identity(): Identity | undefined {
    return this.#options.identity
  }

  get command(): string {
    return this.#options.command
  }

  get isStopping(): boolean {
    return this.#live.stopped.aborted
  }

  get idleCount(): number {
    return this.#queue.idle.size
  }

  get liveCount(): number {
    // All workers of a pool that stops are leaving.
    return this.isStopping ? 0 : this.#slots.workers.length
  }

  get placeCount(): number {
    if (this.isStopping) return 0
    return this.#slots.placeCount
  }

  get busyCount(): number {
    return [...this.#live].filter((worker) => worker.score.isBusy).length
  }

  get health(): PoolHealth {
    return this.#slots.health
  }

  get isStale(): boolean {
    return this.#resets.isStale
  }

  get waitingCount(): number {
    return this.#queue.line.length
  }

  get oldestWaitMs(): number {
    return this.#queue.line.oldestMs()
  }

  get totals(): { readonly jobs: number; readonly failed: number } {
    return this.#live.totals
  }

  glance(): readonly WorkerGlance[] {
    return this.#live.glance()
  }

  bootLines(): readonly string[] {
    return [...this.#slots.lastLines, ...this.#live.bootLines]
  }

  async run(given: Job, options: RunOptions & AcquireOptions = {}): Promise<Reply> {
    const job = this.#checked(given, options)
    const lease = await this.acquire(options)
    try {
      return await lease.run(job, options)
    } finally {
      lease.release()
    }
  }

  async runAlone(given: Job, options: RunOptions = {}): Promise<Reply> {
    const job = this.#checked(given, options)
    return runAlone({ ...this.#leaseParts, workers: this.#live }, job, options)
  }

  tell(feature: string, message: object): number {
    const told = [...this.#live].filter((worker) => worker.has(feature) && worker.tell(message))
    return told.length
  }

  ask(feature: string, message: object, options: RunOptions = {}): Promise<number> {
    return this.#queue.ask(feature, message, options)
  }

  async acquire(options: AcquireOptions = {}): Promise<Lease> {
    this.#queue.checkRoom()
    return new PoolLease(this.#leaseParts, await this.#queue.take(options))
  }

  tryAcquire(): Lease | undefined {
    // While others stand in line an idle worker is one whose turn it is to be taken here.
    const worker = this.isStopping ? undefined : this.#queue.idle.take()
    return worker === undefined ? undefined : new PoolLease(this.#leaseParts, worker)
  }

  whenIdle(signal?: AbortSignal, count = 1): Promise<void> {
    return this.#queue.whenIdle(signal, count)
  }

  bootRest(): void {
    this.#options.onRest?.()
    this.#slots.bootRest()
  }

  workers(): Promise<readonly WorkerInfo[]> {
    const { command, measure } = this.#options
    return this.#live.infos(command, measure)
  }

  reset(): Promise<void> {
    return this.#resets.request()
  }

  async resize(size: number): Promise<void> {
    if (this.isStopping) throw this.#live.stoppedError()
    this.#sizeWanted = size
    this.#autoscaler?.setFloor(size)
    const { changed, stopped } = this.#live
    const wanted = () => this.#sizeWanted
    await resizeSlots({ slots: this.#slots, queue: this.#queue, changed, stopped, wanted })
  }

  async stop(graceMs: number): Promise<void> {
    if (this.isStopping) return this.#allGone()
    this.#close()
    for (const worker of this.#live) worker.retire('shutdown')
    const timer = this.#options.clock.timer(graceMs, () => {
      for (const worker of this.#live) this.#live.killLate(worker, 'destroy_timeout', graceMs)
    })
    await this.#allGone()
    timer.clear()
  }

  kill(): void {
    this.#close()
    for (const worker of this.#live) worker.kill('forced', this.#live.stoppedError())
  }

  /** Checks the job before waiting for a worker. */
  #checked(given: Job, options: RunOptions): Job {
    const job = checkedJob(given, this.name)
    checkRunOptions(options, { pool: this.name, id: job.id, nowMs: this.#options.clock.nowMs() })
    return job
  }

  #makeLive(): LiveWorkers {
    const { name, clock, log, boot } = this.#options
    return new LiveWorkers({
      pool: name,
      clock,
      log,
      boot,
      events: this.events,
      calls: {
        onDue: (worker) => {
          if (this.#retirement.mayRenewEarly(worker)) void this.#slots.renewal.renewEarly(worker, 'max_jobs')
        },
        onLeaving: (worker) => {
          this.#queue.idle.remove(worker)
          this.#slots.onLeaving(worker, worker.why)
        },
        onDeadline: (dueAt) => this.#deadlines.add(dueAt),
        onWithdraw: (worker) => void this.#queue.idle.remove(worker),
        onPlace: (place) => this.#queue.offer(place),
      },
    })
  }

  #makeQueue(): WorkerQueue {
    const { name, config, clock } = this.#options
    return new WorkerQueue({
      pool: name,
      config,
      clock,
      stopped: this.#live.stopped,
      stoppedError: () => this.#live.stoppedError(),
      onWait: () => this.#autoscaler?.poke(),
    })
  }

  #makeSlots(): Slots {
    const { name, size, config, clock, random, log, lines, onHeld, bootFirst } = this.#options
    const live = this.#live
    return new Slots({
      pool: name,
      size,
      crashLoop: { deathsMax: config.crash_loop.deaths, periodMs: config.crash_loop.within },
      clock,
      random,
      log,
      boot: () => live.boot(),
      events: this.events,
      onReady: (worker) => this.#onReady(worker),
      onDead: this.#died.resolve,
      lines,
      onHeld,
      bootFirst,
      changed: live.changed,
      gone: (worker) => live.gone(worker),
      stopped: live.stopped,
      stoppedError: () => live.stoppedError(),
    })
  }

  #makeAutoscaler(): Autoscaler | undefined {
    const { size, config } = this.#options
    const { dynamic_allocator: allocator } = config
    if (allocator === undefined) return undefined
    const [slots, queue, retirement] = [this.#slots, this.#queue, this.#retirement]
    return new Autoscaler({
      ...this.#options,
      policy: scalePolicyOf(size, allocator),
      slots,
      queue,
      retirement,
    })
  }

  #onReady(worker: Worker): void {
    const { name: pool, events } = this
    if (events.has('ready')) events.emit('ready', { pool, worker: worker.id })
    for (const place of worker.places) this.#queue.offer(place)
  }

  #close(): void {
    this.#live.close()
    this.#retirement.close()
    this.#autoscaler?.close()
    this.#queue.close()
    this.#slots.close()
    this.#live.changed.wake()
  }

  #allGone(): Promise<void> {
    return this.#live.allGone().then(() => this.#deadlines.close())
  }
}
