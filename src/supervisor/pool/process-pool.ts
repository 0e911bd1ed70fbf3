/**
 * A pool of child processes: keeps its slots filled, deals idle workers round-robin, never loses a slot. How a worker is
 * brought up is `boot.ts`; how one lives is `worker.ts`.
 */
import { type BackoffPolicy, backoffMs } from '../../core/backoff.js'
import { type Clock, sleep } from '../../core/clock.js'
import { ErrorCode, messageOf, RelayError } from '../../core/errors.js'
import type { Logger } from '../../core/log.js'
import type { Random } from '../../core/random.js'
import { residentBytes } from '../worker/process.js'
import { question, type Worker } from '../worker/worker.js'
import { DeadlineWatch } from './deadline-watch.js'
import { IdleRing } from './idle-ring.js'
import { type LeaseHolder, PoolLease } from './lease.js'
import type {
  AcquireOptions,
  Job,
  Lease,
  ManagedPool,
  PoolConfig,
  Reply,
  RunOptions,
  WorkerBoot,
  WorkerInfo,
} from './pool.js'
import { Waiters } from './waiters.js'
import { WaitingLine } from './waiting-line.js'

/** What a pool hears of the workers that it has brought up. */
export interface WorkerEvents {
  /** A boot has begun; the function tells what it said so far. Returns what to call when the boot has ended. */
  onBooting(lastLines: () => readonly string[]): () => void
  onLeaving(worker: Worker): void
  onExited(worker: Worker): void
  onDeadline(deadlineAt: number): void
}

/** Brings one worker up to its PID reply. Rejects with a `BootFault`; aborting kills what was begun. */
export type BootWorker = (events: WorkerEvents, signal: AbortSignal) => Promise<Worker>

/** Why a worker did not come up, with its last lines of output. */
export interface BootFault extends Error {
  readonly lastLines?: readonly string[]
  readonly pid?: number
}

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
}

interface Slot {
  worker: Worker | undefined
  /** Boots that failed, or workers that fell at once, since the last good one. */
  failures: number
}

// RoadRunner tries every second and then gives the slot up. We try for ever, so whatever kept workers from booting, the
// pool is back within seconds once it is over.
const bootBackoff: BackoffPolicy = { firstMs: 50, maxMs: 3000, jitter: 0.5 }
// A worker that falls within this time without a job behind it counts as one that did not boot.
const settledMs = 1000
// Also without `max_queue_size` a line is not endless: this many callers hold about 100 MB of promises.
const lineLengthMax = 100_000

/** Child processes behind the `Pool` port. */
export class ProcessPool implements ManagedPool, LeaseHolder {
  readonly name: string
  readonly size: number
  readonly booted: Promise<readonly WorkerBoot[]>
  readonly died: Promise<Error>
  #die!: (fault: Error) => void
  #hasBooted = false
  readonly #options: ProcessPoolOptions
  readonly #slots: readonly Slot[]
  readonly #idle = new IdleRing()
  readonly #line: WaitingLine<Worker>
  readonly #deadlines: DeadlineWatch
  /** Every worker whose process lives, the leaving ones included. */
  readonly #alive = new Set<Worker>()
  readonly #stopped = new AbortController()
  readonly #idleWaiters = new Waiters()
  readonly #goneWaiters = new Waiters()
  #leaseCount = 0
  #bootCount = 0
  #bootLines: readonly string[] = []
  readonly #booting = new Set<() => readonly string[]>()
  readonly #events: WorkerEvents = {
    onBooting: (lastLines) => {
      this.#booting.add(lastLines)
      return () => void this.#booting.delete(lastLines)
    },
    onLeaving: (worker) => this.#onLeaving(worker),
    onExited: (worker) => this.#onExited(worker),
    onDeadline: (deadlineAt) => this.#deadlines.add(deadlineAt),
  }

  constructor(options: ProcessPoolOptions) {
    this.name = options.name
    this.size = options.size
    this.#options = options
    this.#line = new WaitingLine({ pool: options.name, clock: options.clock })
    this.#deadlines = new DeadlineWatch({ clock: options.clock, all: () => this.#alive })
    this.#slots = Array.from({ length: options.size }, () => ({ worker: undefined, failures: 0 }))
    this.died = new Promise((resolve) => {
      this.#die = resolve
    })
    this.booted = Promise.all(this.#slots.map((slot) => this.#fill(slot)))
    void this.booted.then(() => {
      this.#hasBooted = true
    })
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

  bootLines(): readonly string[] {
    return [...this.#bootLines, ...[...this.#booting].flatMap((lastLines) => lastLines())]
  }

  get liveCount(): number {
    return this.#slots.filter((slot) => slot.worker !== undefined).length
  }

  async run(job: Job, options: RunOptions = {}): Promise<Reply> {
    const lease = await this.acquire(options.signal === undefined ? {} : { signal: options.signal })
    try {
      return await lease.run(job, options)
    } finally {
      lease.release()
    }
  }

  async runAlone(job: Job, options: RunOptions = {}): Promise<Reply> {
    const { clock } = this.#options
    const { deadlineMs, signal } = options
    const giveUp = new AbortController()
    const abort = () => giveUp.abort()
    for (const one of [this.#stopped.signal, signal]) one?.addEventListener('abort', abort, { once: true })
    const timer =
      deadlineMs === undefined
        ? undefined
        : clock.timer(deadlineMs - clock.nowMs(), () => giveUp.abort(), { isWall: true })
    try {
      const worker = await this.#boot(giveUp.signal)
      // It has no slot: nobody else is given it, and nothing replaces it.
      const outcome = await worker.run(job, options)
      worker.retire('quarantine')
      if (outcome.kind === 'reply') return outcome.reply
      if (outcome.kind === 'fault') throw outcome.error
      const text = `worker ${worker.pid}, booted for ${job.id ?? 'a job'} alone, asked to leave instead of answering`
      throw new RelayError(ErrorCode.JobFailed, text)
    } finally {
      timer?.clear()
      for (const one of [this.#stopped.signal, signal]) one?.removeEventListener('abort', abort)
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
    const worker = await this.#take({ front: options.front === true, signal: options.signal })
    return this.#lease(worker)
  }

  tryAcquire(): Lease | undefined {
    if (this.#line.length > 0 || this.#stopped.signal.aborted) return undefined
    const worker = this.#idle.take()
    return worker === undefined ? undefined : this.#lease(worker)
  }

  async whenIdle(signal?: AbortSignal, count = 1): Promise<void> {
    while (this.#idle.size < count && !this.#stopped.signal.aborted && signal?.aborted !== true)
      await this.#idleWaiters.wait(signal)
  }

  async workers(): Promise<readonly WorkerInfo[]> {
    return [...this.#alive].map((worker) => ({
      pool: this.name,
      pid: worker.pid,
      state: worker.state,
      why: worker.why,
      jobs: worker.jobCount,
      memoryBytes: residentBytes(worker.pid),
      createdAtMs: worker.createdAtMs,
      command: this.#options.command,
    }))
  }

  async reset(): Promise<void> {
    for (const slot of this.#slots) {
      const old = slot.worker
      // An empty slot is being filled with new code already.
      if (old === undefined) continue
      const fresh = await this.#boot()
      slot.worker = fresh
      slot.failures = 0
      this.#offer(fresh)
      old.retire('reset')
      await this.#gone(old, this.#options.config.reset_timeout)
    }
  }

  async stop(graceMs: number): Promise<void> {
    if (this.#stopped.signal.aborted) return this.#allGone()
    this.#stopped.abort()
    this.#line.failAll(this.#stoppedError())
    for (const worker of this.#alive) worker.retire('shutdown')
    this.#idleWaiters.wake()
    const timer = this.#options.clock.timer(graceMs, () => {
      for (const worker of this.#alive) worker.kill('stop_timeout')
    })
    await this.#allGone()
    timer.clear()
  }

  kill(): void {
    this.#stopped.abort()
    this.#line.failAll(this.#stoppedError())
    for (const worker of this.#alive) worker.kill('forced', this.#stoppedError())
    this.#idleWaiters.wake()
  }

  /** For leases: another worker, ahead of the line, until the job's own deadline at most. */
  takeAnother({ deadlineMs, signal }: RunOptions): Promise<Worker> {
    return this.#take({ front: true, signal, deadlineMs })
  }

  /** For leases: it is over, and its worker, if it still has one, is free again. */
  giveBack(worker: Worker | undefined): void {
    this.#leaseCount -= 1
    if (worker !== undefined) this.#offer(worker)
  }

  #lease(worker: Worker): Lease {
    this.#leaseCount += 1
    return new PoolLease(this, worker)
  }

  #offer(worker: Worker): void {
    if (worker.state !== 'idle') return
    if (this.#line.serve(worker)) return
    this.#idle.add(worker)
    this.#idleWaiters.wake()
  }

  #take(options: {
    front: boolean
    signal: AbortSignal | undefined
    deadlineMs?: number | undefined
  }): Promise<Worker> {
    if (this.#stopped.signal.aborted) return Promise.reject(this.#stoppedError())
    const worker = this.#line.length > 0 && !options.front ? undefined : this.#idle.take()
    if (worker !== undefined) return Promise.resolve(worker)
    const { clock, config } = this.#options
    const leftMs =
      options.deadlineMs === undefined ? Number.POSITIVE_INFINITY : options.deadlineMs - clock.nowMs()
    const waitMsMax = Math.max(0, Math.min(config.allocate_timeout, leftMs))
    return this.#line.wait({ front: options.front, signal: options.signal, waitMsMax })
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

  /** Fills an empty slot, trying for ever; resolves with how the first try went. */
  #fill(slot: Slot): Promise<WorkerBoot> {
    return new Promise((resolve) => void this.#fillUntilStopped(slot, resolve))
  }

  async #fillUntilStopped(slot: Slot, onFirst: (boot: WorkerBoot) => void): Promise<void> {
    const { clock, log, random } = this.#options
    const { signal } = this.#stopped
    while (!signal.aborted) {
      if (slot.failures > 0) await sleep(clock, backoffMs(slot.failures, bootBackoff, random), signal)
      if (signal.aborted) break
      const startedAt = clock.monotonicMs()
      try {
        const worker = await this.#boot()
        slot.worker = worker
        this.#offer(worker)
        onFirst({ pid: worker.pid, tookMs: clock.monotonicMs() - startedAt, lastLines: [] })
        return
      } catch (error) {
        slot.failures += 1
        const fault: BootFault = error instanceof Error ? error : new Error(messageOf(error))
        const lastLines = fault.lastLines ?? []
        this.#bootLines = lastLines
        if (!signal.aborted) {
          log.error(
            { pool: this.name, tries: slot.failures, error: fault, lastLines },
            'a worker did not boot, trying again',
          )
        }
        if (this.#hasBooted && this.liveCount === 0 && !signal.aborted) this.#die(fault)
        onFirst({ pid: fault.pid, tookMs: clock.monotonicMs() - startedAt, fault, lastLines })
      }
    }
    onFirst({ pid: undefined, tookMs: 0, fault: this.#stoppedError(), lastLines: [] })
  }

  async #boot(signal: AbortSignal = this.#stopped.signal): Promise<Worker> {
    this.#bootCount += 1
    try {
      const worker = await this.#options.boot(this.#events, signal)
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
      this.#goneWaiters.wake()
    }
  }

  #onLeaving(worker: Worker): void {
    this.#idle.remove(worker)
    const slot = this.#slots.find((one) => one.worker === worker)
    if (slot === undefined || this.#stopped.signal.aborted) return
    slot.worker = undefined
    const livedMs = this.#options.clock.nowMs() - worker.createdAtMs
    slot.failures = worker.jobCount === 0 && livedMs < settledMs ? slot.failures + 1 : 0
    // Its replacement boots while it leaves, so that the pool is short of a worker for as short as can be.
    void this.#fill(slot)
  }

  #onExited(worker: Worker): void {
    this.#alive.delete(worker)
    this.#goneWaiters.wake()
  }

  #gone(worker: Worker, waitMsMax: number): Promise<void> {
    const timer = this.#options.clock.timer(waitMsMax, () => worker.kill('stop_timeout'))
    return this.#goneWaiters.until(() => !this.#alive.has(worker)).finally(() => timer.clear())
  }

  #allGone(): Promise<void> {
    return this.#goneWaiters
      .until(() => this.#alive.size === 0 && this.#bootCount === 0)
      .then(() => this.#deadlines.close())
  }

  #stoppedError(): RelayError {
    return new RelayError(ErrorCode.PoolStopped, `pool "${this.name}" is stopping`)
  }
}
