/**
 * A pool of child processes: deals idle workers round-robin and lets callers wait for them. Its places are `slots/`, how a worker
 * is brought up `boot/`, how one lives `worker.ts`; who grows, renews and resets the places is in files of those names.
 */
import { setMaxListeners } from 'node:events'
import type { Clock } from '../../core/clock.js'
import { ErrorCode, messageOf, RelayError } from '../../core/errors.js'
import type { Logger } from '../../core/log.js'
import type { Random } from '../../core/random.js'
import type { Job, Reply, RunOptions } from '../job.js'
import type { InFlightLedger, LedgerEntry } from '../ledger.js'
import { treeBytes } from '../machine/memory.js'
import type { Outcome } from '../worker/outcome.js'
import { question } from '../worker/running-job.js'
import type { Worker } from '../worker/worker.js'
import type { BootWorker, WorkerEvents } from './boot/boot-worker.js'
import { DeadlineWatch } from './deadline-watch.js'
import { IdleRing } from './idle-ring.js'
import { abortedError, type LeaseHolder, PoolLease } from './lease.js'
import type { AcquireOptions, Lease, ManagedPool, PoolHealth, WorkerBoot, WorkerInfo } from './pool.js'
import type { PoolConfig } from './pool-keys.js'
import { rollingReset } from './slots/rolling-reset.js'
import { Slots } from './slots/slots.js'
import { leavingMax, type MemoryBudget } from './upkeep/retire.js'
import { Upkeep } from './upkeep/upkeep.js'
import { Waiters } from './waiters.js'
import { WaitingLine } from './waiting-line.js'

/** What a pool is made of. */
export interface ProcessPoolOptions {
  readonly name: string
  readonly size: number
  readonly config: PoolConfig
  /** The command as `rr workers` shows it. */
  readonly command: string
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly boot: BootWorker
  /** What all processes together may use and use; absent: nothing limits them. */
  readonly budget?: () => Promise<MemoryBudget>
  /** Is told of every job with a `requestId`. */
  readonly ledger?: InFlightLedger
  /** Bytes of the worker of this pid; absent: of its process and its children. */
  readonly measure?: (pid: number) => Promise<number>
}

// Also without `max_queue_size` a line is not endless: this many callers hold about 100 MB of promises.
const lineLengthMax = 100_000

/** Child processes behind the `Pool` port. */
export class ProcessPool implements ManagedPool, LeaseHolder {
  readonly name: string
  readonly booted: Promise<readonly WorkerBoot[]>
  readonly died: Promise<Error>
  readonly #options: ProcessPoolOptions
  readonly #slots: Slots
  readonly #upkeep: Upkeep
  readonly #idle = new IdleRing()
  readonly #line: WaitingLine<Worker>
  readonly #deadlines: DeadlineWatch
  /** Every worker whose process lives, the leaving ones included. */
  readonly #alive = new Set<Worker>()
  readonly #stopped = new AbortController()
  readonly #idleWaiters = new Waiters()
  /** Woken when a worker has come, left or gone. */
  readonly #changed = new Waiters()
  #leaseCount = 0
  #bootCount = 0
  #resetting: Promise<void> = Promise.resolve()
  #nextReset: Promise<void> | undefined
  readonly #booting = new Set<() => readonly string[]>()
  readonly #events: WorkerEvents = {
    onBooting: (lastLines) => {
      this.#booting.add(lastLines)
      return () => void this.#booting.delete(lastLines)
    },
    onDue: (worker) => {
      if (this.#upkeep.mayRenewEarly(worker)) void this.#slots.renewEarly(worker, 'max_jobs')
    },
    onLeaving: (worker) => this.#onLeaving(worker),
    onExited: (worker) => this.#onExited(worker),
    onDeadline: (markAt) => this.#deadlines.add(markAt),
  }

  constructor(options: ProcessPoolOptions) {
    const { name, clock, random, log, config } = options
    this.name = name
    this.#options = options
    // Every boot listens to it; Node warns of more than ten as of a leak.
    setMaxListeners(0, this.#stopped.signal)
    this.#line = new WaitingLine({ pool: name, clock })
    this.#deadlines = new DeadlineWatch({ clock, all: () => this.#alive })
    let die!: (fault: Error) => void
    this.died = new Promise((resolve) => {
      die = resolve
    })
    this.#slots = new Slots({
      pool: name,
      size: options.size,
      crashLoop: { deathsMax: config.crash_loop.deaths, periodMs: config.crash_loop.within },
      clock,
      random,
      log,
      boot: () => this.#boot(),
      onReady: (worker) => this.#offer(worker),
      onDead: die,
      changed: this.#changed,
      gone: (worker) => this.#changed.until(() => !this.#alive.has(worker)),
      stopped: this.#stopped.signal,
      stoppedError: () => this.#stoppedError(),
    })
    this.booted = this.#slots.start()
    this.#upkeep = new Upkeep({
      ...options,
      floor: options.size,
      slots: this.#slots,
      idle: this.#idle,
      line: this.#line,
      idleWaiters: this.#idleWaiters,
      leavingCount: () => this.#leavingCount,
    })
  }

  get size(): number {
    return this.#slots.size
  }

  get command(): string {
    return this.#options.command
  }

  get isStopping(): boolean {
    return this.#stopped.signal.aborted
  }

  get idleCount(): number {
    return this.#idle.size
  }

  get liveCount(): number {
    // Whoever is still there when the pool stops is leaving.
    return this.isStopping ? 0 : this.#slots.workers.length
  }

  get health(): PoolHealth {
    return this.#slots.health
  }

  get waitingCount(): number {
    return this.#line.length
  }

  get oldestWaitMs(): number {
    return this.#line.oldestMs()
  }

  bootLines(): readonly string[] {
    return [...this.#slots.lastLines, ...[...this.#booting].flatMap((lastLines) => lastLines())]
  }

  async run(job: Job, options: RunOptions & AcquireOptions = {}): Promise<Reply> {
    const lease = await this.acquire(options)
    try {
      return await lease.run(job, options)
    } finally {
      lease.release()
    }
  }

  async runAlone(job: Job, options: RunOptions = {}): Promise<Reply> {
    const { clock } = this.#options
    const { deadlineMs, signal } = options
    if (this.isStopping) throw this.#stoppedError()
    if (signal?.aborted === true) throw abortedError(job)
    let worker: Worker | undefined
    const giveUp = new AbortController()
    const abort = () => giveUp.abort()
    const onSignal = () => {
      giveUp.abort()
      worker?.kill('aborted', abortedError(job))
    }
    this.#stopped.signal.addEventListener('abort', abort, { once: true })
    signal?.addEventListener('abort', onSignal, { once: true })
    const timer =
      deadlineMs === undefined ? undefined : clock.timer(deadlineMs - clock.nowMs(), abort, { isWall: true })
    try {
      worker = await this.#boot(giveUp.signal).catch((error: unknown) => {
        throw signal?.aborted === true ? abortedError(job) : error
      })
      // It has no slot: nobody else is given it, and nothing replaces it.
      const entry = this.assigned(job)
      const outcome = await worker.run(job, options)
      this.settled(entry, outcome)
      worker.retire('quarantine')
      if (outcome.kind === 'reply') return outcome.reply
      if (outcome.kind === 'fault') throw outcome.error
      const text = `worker ${worker.pid}, booted for ${job.id ?? 'a job'} alone, asked to leave instead of answering`
      throw new RelayError(ErrorCode.JobFailed, text)
    } finally {
      timer?.clear()
      this.#stopped.signal.removeEventListener('abort', abort)
      signal?.removeEventListener('abort', onSignal)
    }
  }

  tell(feature: string, message: object): number {
    const told = [...this.#alive].filter((worker) => worker.has(feature) && worker.tell(message))
    return told.length
  }

  async ask(feature: string, message: object, options: RunOptions = {}): Promise<number> {
    const asked: Worker[] = []
    const held: Worker[] = []
    for (let worker = this.#idle.take(); worker !== undefined; worker = this.#idle.take()) {
      if (worker.has(feature)) asked.push(worker)
      else held.push(worker)
    }
    for (const worker of held) this.#offer(worker)
    const outcomes = await Promise.all(
      asked.map((worker) => worker.run(question(message), options).finally(() => this.#offer(worker))),
    )
    for (const outcome of outcomes) if (outcome.kind === 'fault') throw outcome.error
    return asked.length
  }

  async acquire(options: AcquireOptions = {}): Promise<Lease> {
    this.#checkRoom()
    return this.#lease(await this.#take(options))
  }

  tryAcquire(): Lease | undefined {
    // While others stand in line an idle worker is one whose turn it is to be taken here.
    const worker = this.isStopping ? undefined : this.#idle.take()
    return worker === undefined ? undefined : this.#lease(worker)
  }

  async whenIdle(signal?: AbortSignal, count = 1): Promise<void> {
    const since = this.#options.clock.monotonicMs()
    while (this.#idle.size < count && !this.#stopped.signal.aborted && signal?.aborted !== true) {
      this.#upkeep.onWait()
      await this.#idleWaiters.wait(signal, since)
    }
  }

  workers(): Promise<readonly WorkerInfo[]> {
    const { measure = treeBytes } = this.#options
    return Promise.all(
      [...this.#alive].map(async (worker) => ({
        pool: this.name,
        pid: worker.pid,
        state: worker.state,
        why: worker.why,
        jobs: worker.jobCount,
        memoryBytes: await measure(worker.pid),
        createdAtMs: worker.createdAtMs,
        command: this.#options.command,
      })),
    )
  }

  /** One at a time: all who ask meanwhile ask for newer code, and share the next one. */
  reset(): Promise<void> {
    if (this.#stopped.signal.aborted) return Promise.reject(this.#stoppedError())
    this.#nextReset ??= this.#resetting.then(() => {
      const run = this.#reset()
      this.#nextReset = undefined
      this.#resetting = run.catch(() => undefined)
      return run
    })
    return this.#nextReset
  }

  #reset(): Promise<void> {
    const { clock, log, config } = this.#options
    const slots = this.#slots
    return rollingReset({
      pool: {
        name: this.name,
        size: this.size,
        get workers() {
          return slots.workers
        },
        newGeneration: () => slots.newGeneration(),
        nextStale: (generation) => slots.nextStale(generation),
        firstBoot: (generation) => slots.firstBoot(generation),
        renew: (old, isGood) => slots.renew(old, 'reset', isGood),
        room: (waitMsMax) => this.#room(waitMsMax),
        gone: (worker, waitMsMax) => this.#gone(worker, waitMsMax),
      },
      timeoutMs: config.reset_timeout,
      canaryJobs: config.reset_canary,
      clock,
      log,
    })
  }

  async stop(graceMs: number): Promise<void> {
    if (this.#stopped.signal.aborted) return this.#allGone()
    this.#close()
    for (const worker of this.#alive) worker.retire('shutdown')
    const timer = this.#options.clock.timer(graceMs, () => {
      for (const worker of this.#alive) worker.kill('stop_timeout')
    })
    await this.#allGone()
    timer.clear()
  }

  kill(): void {
    this.#close()
    for (const worker of this.#alive) worker.kill('forced', this.#stoppedError())
  }

  /** For leases: another worker, ahead of the line, until the job's own deadline at most. */
  takeAnother({ deadlineMs, signal }: RunOptions): Promise<Worker> {
    return this.#take({ front: true, ...(signal === undefined ? {} : { signal }) }, deadlineMs)
  }

  /** For leases: a job is sent to a worker. */
  assigned({ requestId }: Job): LedgerEntry | undefined {
    return requestId === undefined ? undefined : this.#options.ledger?.assigned(requestId)
  }

  /** For leases: what became of it. */
  settled(entry: LedgerEntry | undefined, outcome: Outcome): void {
    if (entry === undefined) return
    if (outcome.kind === 'unserved') this.#options.ledger?.unassigned(entry)
    else this.#options.ledger?.answered(entry)
  }

  /** For leases: it is over, and its worker, if it still has one, is free again. */
  giveBack(worker: Worker | undefined): void {
    this.#leaseCount -= 1
    if (worker !== undefined) this.#offer(worker)
  }

  #close(): void {
    this.#stopped.abort()
    this.#upkeep.close()
    this.#line.failAll(this.#stoppedError())
    this.#slots.close()
    this.#idleWaiters.wake()
    this.#changed.wake()
  }

  #lease(worker: Worker): Lease {
    this.#leaseCount += 1
    return new PoolLease(this, worker)
  }

  #offer(worker: Worker): void {
    if (worker.state !== 'idle') return
    if (this.#line.length > 0 && !this.#isTurnOfIdleWaiters()) {
      this.#line.serve(worker)
      return
    }
    this.#idle.add(worker)
    this.#idleWaiters.wake()
    // Whoever was woken takes it in this turn of the loop, or leaves it to the line.
    if (this.#line.length > 0) setImmediate(() => this.#serveLine())
  }

  /** Those who wait for an idle worker without standing in line are not passed over for ever, but by those in front. */
  #isTurnOfIdleWaiters(): boolean {
    if (this.#line.hasFront) return false
    const since = this.#idleWaiters.oldestSince
    return since !== undefined && this.#options.clock.monotonicMs() - since > this.#line.oldestMs()
  }

  #serveLine(): void {
    while (this.#line.length > 0) {
      const worker = this.#idle.take()
      if (worker === undefined) return
      this.#line.serve(worker)
    }
  }

  #take(options: AcquireOptions, deadlineMs?: number): Promise<Worker> {
    if (this.#stopped.signal.aborted) return Promise.reject(this.#stoppedError())
    const front = options.front === true
    const worker = this.#line.length > 0 && !front ? undefined : this.#idle.take()
    if (worker !== undefined) return Promise.resolve(worker)
    const { clock, config } = this.#options
    const leftMs = deadlineMs === undefined ? Number.POSITIVE_INFINITY : deadlineMs - clock.nowMs()
    const longestMs = options.waitMsMax ?? config.queue_timeout ?? config.allocate_timeout
    this.#upkeep.onWait()
    return this.#line.wait({
      front,
      signal: options.signal,
      priority: options.priority,
      key: options.key,
      waitMsMax: Math.max(0, Math.min(longestMs, leftMs)),
    })
  }

  #checkRoom(): void {
    const asked = this.#options.config.max_queue_size
    const inside = this.#line.length + this.#leaseCount
    if ((asked === 0 || inside < asked) && this.#line.length < lineLengthMax) return
    const text = `pool "${this.name}" holds ${inside} jobs, its max_queue_size is ${asked === 0 ? lineLengthMax : asked}`
    throw new RelayError(ErrorCode.PoolQueueFull, text, {
      hint: 'Raise `max_queue_size` or `num_workers`, or slow the source.',
    })
  }

  async #boot(signal: AbortSignal = this.#stopped.signal): Promise<Worker> {
    this.#bootCount += 1
    try {
      const worker = await this.#options.boot(this.#events, signal).catch((error: unknown) => {
        throw this.isStopping ? this.#stoppedError() : bootError(this.name, error)
      })
      if (worker.state !== 'exited') this.#alive.add(worker)
      if (this.#stopped.signal.aborted) {
        worker.kill('forced')
        throw this.#stoppedError()
      }
      if (worker.state === 'idle') return worker
      const text = `worker ${worker.pid} of pool "${this.name}" left right after it had become ready`
      throw new RelayError(ErrorCode.WorkerBoot, text, { details: { pid: worker.pid } })
    } finally {
      this.#bootCount -= 1
      this.#changed.wake()
    }
  }

  #onLeaving(worker: Worker): void {
    this.#idle.remove(worker)
    this.#slots.onLeaving(worker, worker.why)
  }

  #onExited(worker: Worker): void {
    this.#alive.delete(worker)
    this.#changed.wake()
  }

  #gone(worker: Worker, waitMsMax: number): Promise<void> {
    const timer = this.#options.clock.timer(waitMsMax, () => worker.kill('stop_timeout'))
    return this.#changed.until(() => !this.#alive.has(worker)).finally(() => timer.clear())
  }

  get #leavingCount(): number {
    let count = this.#slots.renewingCount
    for (const worker of this.#alive) if (worker.score.isGone) count += 1
    return count
  }

  /** Waits until one more worker may be on its way out. */
  #room(waitMsMax: number): Promise<void> {
    let isOver = false
    const timer = this.#options.clock.timer(waitMsMax, () => {
      isOver = true
      this.#changed.wake()
    })
    const hasRoom = () => isOver || this.isStopping || this.#leavingCount < leavingMax(this.size)
    return this.#changed.until(hasRoom).finally(() => timer.clear())
  }

  #allGone(): Promise<void> {
    return this.#changed
      .until(() => this.#alive.size === 0 && this.#bootCount === 0)
      .then(() => this.#deadlines.close())
  }

  #stoppedError(): RelayError {
    return new RelayError(ErrorCode.PoolStopped, `pool "${this.name}" is stopping`)
  }
}

/** A boot that was aborted, or whose surroundings failed, in the words of one that failed by itself. */
function bootError(pool: string, error: unknown): Error {
  if (error instanceof RelayError) return error
  const text = `a worker of pool "${pool}" was not brought up: ${messageOf(error)}`
  return new RelayError(ErrorCode.WorkerBoot, text, { cause: error })
}
