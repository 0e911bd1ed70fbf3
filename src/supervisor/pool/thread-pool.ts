/**
 * JavaScript handlers in threads of the server's own process, behind the same port: tinypool does the threads, this file
 * the leases. No child process and no frames; a thread that overruns its time is terminated and replaced.
 */
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Tinypool } from 'tinypool'
import { assert } from '../../core/assert.js'
import type { Clock } from '../../core/clock.js'
import { ErrorCode, messageOf, RelayError } from '../../core/errors.js'
import type { InFlightLedger } from '../ledger.js'
import type {
  AcquireOptions,
  Job,
  Lease,
  ManagedPool,
  PoolConfig,
  PoolHealth,
  Reply,
  RunOptions,
  WorkerBoot,
  WorkerInfo,
} from './pool.js'
import type { ThreadJob } from './thread-entry.js'
import { Waiters } from './waiters.js'
import { WaitingLine } from './waiting-line.js'

/** What a thread pool is made of. */
export interface ThreadPoolOptions {
  /** Is told of every job with a `requestId`. */
  readonly ledger?: InFlightLedger
  readonly name: string
  readonly size: number
  readonly config: PoolConfig
  /** The module, as `command`: one word, a path from the working directory. */
  readonly words: readonly string[]
  readonly cwd: string
  readonly clock: Clock
}

const encoder = new TextEncoder()

function bytesOf(value: Uint8Array | string): Uint8Array {
  return typeof value === 'string' ? encoder.encode(value) : value
}

/** Threads behind the `Pool` port. */
export class ThreadPool implements ManagedPool {
  readonly name: string
  readonly size: number
  readonly booted: Promise<readonly WorkerBoot[]>
  /** Never: a thread is replaced by tinypool. */
  readonly died = new Promise<Error>(() => undefined)
  readonly #options: ThreadPoolOptions
  readonly #module: string
  readonly #line: WaitingLine<true>
  readonly #stopped = new AbortController()
  readonly #running = new Set<AbortController>()
  readonly #createdAtMs: number
  #threads: Promise<Tinypool>
  #idleCount: number
  #jobCount = 0
  readonly #waiters = new Waiters()

  constructor(options: ThreadPoolOptions) {
    this.name = options.name
    this.size = options.size
    this.#options = options
    this.#idleCount = options.size
    this.#createdAtMs = options.clock.nowMs()
    this.#module = resolve(options.cwd, options.words[0] ?? '')
    this.#line = new WaitingLine({ pool: options.name, clock: options.clock })
    this.#threads = this.#start()
    this.booted = this.#threads.then(
      () => Array.from({ length: options.size }, () => ({ pid: process.pid, tookMs: 0, lastLines: [] })),
      (fault: unknown) => [{ pid: undefined, tookMs: 0, fault: new Error(messageOf(fault)), lastLines: [] }],
    )
  }

  get command(): string {
    return this.#module
  }

  get isStopping(): boolean {
    return this.#stopped.signal.aborted
  }

  get idleCount(): number {
    return this.#idleCount
  }

  bootLines(): readonly string[] {
    return []
  }

  get liveCount(): number {
    return this.size
  }

  get health(): PoolHealth {
    return { isDegraded: false, degradedMs: 0, recentDeaths: 0, restarts: 0 }
  }

  get waitingCount(): number {
    return this.#line.length
  }

  get oldestWaitMs(): number {
    return this.#line.oldestMs()
  }

  async run(job: Job, options: RunOptions & AcquireOptions = {}): Promise<Reply> {
    const lease = await this.acquire(options)
    try {
      return await lease.run(job, options)
    } finally {
      lease.release()
    }
  }

  /** A thread shares its memory with nobody: it is as good as one of its own. */
  runAlone(job: Job, options: RunOptions = {}): Promise<Reply> {
    return this.run(job, options)
  }

  /** Threads announce nothing. */
  tell(): number {
    return 0
  }

  ask(): Promise<number> {
    return Promise.resolve(0)
  }

  async acquire({ front, signal, priority, key, waitMsMax }: AcquireOptions = {}): Promise<Lease> {
    if (this.#stopped.signal.aborted) throw this.#stoppedError()
    const lease = this.tryAcquire()
    if (lease !== undefined) return lease
    const { queue_timeout, allocate_timeout } = this.#options.config
    const longestMs = waitMsMax ?? queue_timeout ?? allocate_timeout
    await this.#line.wait({ front: front === true, signal, priority, key, waitMsMax: longestMs })
    return this.#lease()
  }

  tryAcquire(): Lease | undefined {
    if (this.#idleCount === 0 || this.#line.length > 0 || this.#stopped.signal.aborted) return undefined
    this.#idleCount -= 1
    return this.#lease()
  }

  async whenIdle(signal?: AbortSignal, count = 1): Promise<void> {
    while (this.#idleCount < count && !this.#stopped.signal.aborted && signal?.aborted !== true)
      await this.#waiters.wait(signal)
  }

  async workers(): Promise<readonly WorkerInfo[]> {
    const busy = this.size - this.#idleCount
    return Array.from({ length: this.size }, (_, at) => ({
      pool: this.name,
      pid: process.pid,
      state: at < busy ? 'busy' : 'idle',
      why: undefined,
      jobs: this.#jobCount,
      memoryBytes: 0,
      createdAtMs: this.#createdAtMs,
      command: this.#module,
    }))
  }

  async reset(): Promise<void> {
    const old = await this.#threads
    this.#threads = this.#start()
    await this.#threads
    await this.#settled()
    await old.destroy()
  }

  async stop(graceMs: number): Promise<void> {
    this.#stopped.abort()
    this.#line.failAll(this.#stoppedError())
    this.#waiters.wake()
    const timer = this.#options.clock.timer(graceMs, () => this.#abortAll())
    await this.#settled()
    timer.clear()
    const threads = await this.#threads.catch(() => undefined)
    await threads?.destroy()
  }

  kill(): void {
    this.#stopped.abort()
    this.#line.failAll(this.#stoppedError())
    this.#abortAll()
  }

  async #start(): Promise<Tinypool> {
    const { Tinypool } = await import('tinypool')
    return new Tinypool({
      filename: fileURLToPath(new URL('./thread-entry.js', import.meta.url)),
      minThreads: this.size,
      maxThreads: this.size,
      concurrentTasksPerWorker: 1,
    })
  }

  #lease(): Lease {
    let isReleased = false
    return {
      pid: process.pid,
      run: (job, options = {}) => {
        assert(!isReleased, `a job on a released lease of pool "${this.name}"`)
        const { ledger } = this.#options
        const entry = job.requestId === undefined ? undefined : ledger?.assigned(job.requestId)
        const run = this.#run(job, options)
        return entry === undefined ? run : run.finally(() => ledger?.answered(entry))
      },
      release: () => {
        if (isReleased) return
        isReleased = true
        if (this.#line.serve(true)) return
        this.#idleCount += 1
        this.#waiters.wake()
      },
    }
  }

  async #run(job: Job, { deadlineMs, signal }: RunOptions): Promise<Reply> {
    const { clock, config } = this.#options
    const execTtlMs = config.supervisor.exec_ttl > 0 ? config.supervisor.exec_ttl : Number.POSITIVE_INFINITY
    const limitMs = Math.min(
      execTtlMs,
      deadlineMs === undefined ? Number.POSITIVE_INFINITY : deadlineMs - clock.nowMs(),
    )
    const end = new AbortController()
    let isLate = false
    const timer = Number.isFinite(limitMs)
      ? clock.timer(limitMs, () => {
          isLate = true
          end.abort()
        })
      : undefined
    const onAbort = () => end.abort()
    signal?.addEventListener('abort', onAbort, { once: true })
    this.#running.add(end)
    this.#jobCount += 1
    const task: ThreadJob = { module: this.#module, context: bytesOf(job.context), body: bytesOf(job.body) }
    try {
      const body: Uint8Array = await (await this.#threads).run(task, { signal: end.signal })
      return { context: new Uint8Array(), body, flags: job.codec }
    } catch (error) {
      throw this.#fault(error, { job, isLate, limitMs, isAborted: end.signal.aborted })
    } finally {
      timer?.clear()
      signal?.removeEventListener('abort', onAbort)
      this.#running.delete(end)
      this.#waiters.wake()
    }
  }

  #fault(
    error: unknown,
    about: { job: Job; isLate: boolean; limitMs: number; isAborted: boolean },
  ): RelayError {
    const name = about.job.id === undefined ? 'a job' : `job ${about.job.id}`
    if (about.isLate) {
      const text = `${name} ran over its ${Math.round(about.limitMs)} ms in a thread of pool "${this.name}"`
      return new RelayError(ErrorCode.WorkerTimeout, text, { hint: 'The thread was replaced.', cause: error })
    }
    if (about.isAborted)
      return new RelayError(ErrorCode.JobAborted, `the caller gave up ${name}`, { cause: error })
    const text = JSON.stringify({
      errorType: error instanceof Error ? error.name : 'Error',
      errorMessage: messageOf(error),
      stackTrace: error instanceof Error ? (error.stack ?? '').split('\n').slice(1, 30) : [],
    })
    return new RelayError(ErrorCode.JobFailed, text, { cause: error })
  }

  #abortAll(): void {
    for (const end of this.#running) end.abort()
  }

  #settled(): Promise<void> {
    return this.#waiters.until(() => this.#running.size === 0)
  }

  #stoppedError(): RelayError {
    return new RelayError(ErrorCode.PoolStopped, `pool "${this.name}" is stopping`)
  }
}
