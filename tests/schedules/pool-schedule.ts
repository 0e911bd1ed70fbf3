/**
 * One schedule of a whole pool out of one seed: jobs, crashes, slow and failing boots, limits of age and memory, resets of good and
 * broken code, growth, callers that give up, a stop at any time. Real pool, workers and relays, no process, virtual time. Every look
 * at the pool is held against what must be true of it always; after a rest, against what must be true of a healthy one.
 */
import { sleep } from '../../src/core/clock.js'
import { type ErrorCode, RelayError } from '../../src/core/errors.js'
import { type Random, seededRandom } from '../../src/core/random.js'
import { silentLogger } from '../../src/logging/logger.js'
import { Codec, type Job } from '../../src/supervisor/job.js'
import type { PoolConfig } from '../../src/supervisor/pool/keys.js'
import type { JobSink } from '../../src/supervisor/pool/pool.js'
import { leavingMax } from '../../src/supervisor/pool/slots/leaving.js'
import { WorkerPool } from '../../src/supervisor/pool/worker-pool.js'
import type { Worker } from '../../src/supervisor/worker/worker.js'
import { poolDefaults } from '../helpers/pool.js'
import { type Deed, scriptedBoot } from './scripted-workers.js'
import { VirtualTime } from './virtual-time.js'

/** Plan that a seed stands for. */
export interface PoolPlan {
  readonly seed: number
  readonly size: number
  readonly isNumbered: boolean
  readonly jobsMax: number
  readonly execTtlMs: number
  readonly bootMsMax: number
  readonly bootFaultRate: number
  /** Chance of each deed that is not `done`. */
  readonly troubleRate: number
  readonly steps: number
  readonly stopsEarly: boolean
  readonly hasAllocator: boolean
  readonly canaryJobs: number
  readonly supervisor: PoolConfig['supervisor']
  /** Bytes that a worker grows by at each look. */
  readonly leakBytes: number
  readonly limitBytes: number
}

/** Result of a schedule. */
export interface PoolTally {
  readonly jobs: number
  readonly answered: number
  readonly failed: number
  readonly resets: number
  readonly restarts: number
  readonly virtualMs: number
}

const megabyte = 2 ** 20
const msMax = 24 * 3_600_000
const restMs = 120_000
const troubles: readonly Deed[] = ['error', 'crash', 'stop', 'hang', 'last', 'twice']

/** Draws a plan. */
export function drawPoolPlan(seed: number): PoolPlan {
  const random = seededRandom(seed)
  const pick = <T>(...choices: readonly T[]): T => choices[Math.floor(random() * choices.length)] as T
  return {
    seed,
    size: pick(1, 2, 3, 4, 9),
    isNumbered: random() < 0.5,
    jobsMax: pick(0, 0, 1, 5, 30),
    // Something must end a job that hangs.
    execTtlMs: pick(500, 3000),
    bootMsMax: pick(5, 300, 4000),
    bootFaultRate: pick(0, 0, 0.2, 0.6),
    troubleRate: pick(0, 0.05, 0.3),
    steps: 20 + Math.floor(random() * 100),
    stopsEarly: random() < 0.3,
    hasAllocator: random() < 0.5,
    canaryJobs: pick(0, 0, 1, 20),
    supervisor: {
      exec_ttl: 0,
      ttl: pick(0, 0, 2000, 20_000),
      idle_ttl: pick(0, 0, 1000),
      max_worker_memory: pick(0, 0, 100),
      memory_samples: pick(1, 3),
      watch_tick: pick(100, 1000),
      kill_grace: pick(0, 500),
    },
    leakBytes: pick(0, megabyte, 40 * megabyte),
    limitBytes: pick(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 800 * megabyte),
  }
}

/** Plays a plan to its end. Throws an `Error` that says what was violated. */
export function playPool(plan: PoolPlan): Promise<PoolTally> {
  return new PoolPlay(plan).run()
}

const expected: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'RR_JOB_FAILED',
  'RR_JOB_ABORTED',
  'RR_WORKER_CRASHED',
  'RR_WORKER_TIMEOUT',
  'RR_WORKER_BOOT',
  'RR_POOL_NO_WORKERS',
  'RR_POOL_STOPPED',
  'RR_POOL_QUEUE_FULL',
])

class PoolPlay {
  readonly #plan: PoolPlan
  readonly #random: Random
  readonly #time = new VirtualTime()
  readonly #violations: string[] = []
  readonly #workers = new Set<Worker>()
  readonly #falls = new Map<number, () => void>()
  readonly #bytes = new Map<number, number>()
  readonly #held = new Set<number>()
  readonly #open = new Set<string>()
  readonly #begun = new Map<string, number>()
  /** Jobs that a worker really ran, instead of asking to leave. */
  readonly #ran = new Set<string>()
  #pool!: WorkerPool
  #isBroken = false
  #isCalm = false
  #alone = 0
  #jobs = 0
  #answered = 0
  #failed = 0
  #resets = 0
  #openResets = 0

  constructor(plan: PoolPlan) {
    this.#plan = plan
    this.#random = seededRandom(plan.seed ^ 0x5eed)
  }

  async run(): Promise<PoolTally> {
    this.#pool = this.#makePool()
    let isOver = false
    let fault: unknown
    const played = this.#play()
      .catch((error: unknown) => {
        fault = error
      })
      .finally(() => {
        isOver = true
        this.#time.touch()
      })
    await this.#time.run(() => isOver || this.#violations.length > 0, msMax)
    if (this.#violations.length > 0) throw new Error(this.#violations.join('; '))
    await played
    if (fault !== undefined) throw fault
    return {
      jobs: this.#jobs,
      answered: this.#answered,
      failed: this.#failed,
      resets: this.#resets,
      restarts: this.#pool.health.restarts,
      virtualMs: this.#time.monotonicMs(),
    }
  }

  #makePool(): WorkerPool {
    const { size, isNumbered, jobsMax, execTtlMs, bootMsMax, bootFaultRate, supervisor, limitBytes } =
      this.#plan
    const boot = scriptedBoot({
      clock: this.#time,
      jobsMax,
      execTtlMs,
      isOrdered: false,
      isNumbered,
      bootMs: () => this.#random() * (this.#isCalm ? Math.min(bootMsMax, 50) : bootMsMax),
      failsBoot: () => !this.#isCalm && (this.#isBroken || this.#random() < bootFaultRate),
      script: (id) => ({ deed: this.#deed(id), takesMs: this.#random() * 300 }),
      onEvent: ({ kind, messageId }) => {
        if (kind === 'begun') this.#ran.add(messageId)
        this.#look()
      },
      touch: () => this.#time.touch(),
      onUp: (pid, fall) => this.#falls.set(pid, fall),
    })
    return new WorkerPool({
      name: 'p',
      size,
      command: 'script',
      clock: this.#time,
      random: this.#random,
      log: silentLogger,
      config: { ...poolDefaults, ...this.#config(), supervisor },
      boot: async (events, signal) => {
        const worker = await boot(events, signal)
        this.#workers.add(worker)
        return worker
      },
      measure: ({ pid }) => Promise.resolve(this.#measure(pid)),
      budget: () => Promise.resolve({ limitBytes, usedBytes: this.#usedBytes() }),
    })
  }

  #config(): Partial<PoolConfig> {
    const { canaryJobs, hasAllocator } = this.#plan
    const allocator = { max_workers: 4, spawn_rate: 2, idle_timeout: 5000, grow_after: 100, cool_down: 500 }
    return {
      allocate_timeout: 20_000,
      reset_timeout: 5000,
      reset_canary: canaryJobs,
      max_queue_size: 200,
      dynamic_allocator: hasAllocator ? allocator : undefined,
    }
  }

  #measure(pid: number): number {
    const bytes = (this.#bytes.get(pid) ?? 50 * megabyte) + (this.#isCalm ? 0 : this.#plan.leakBytes)
    this.#bytes.set(pid, bytes)
    return bytes
  }

  #usedBytes(): number {
    let used = 50 * megabyte
    for (const worker of this.#workers)
      if (worker.state !== 'exited') used += this.#bytes.get(worker.pid) ?? 0
    return used
  }

  #deed(id: string): Deed {
    this.#begun.set(id, (this.#begun.get(id) ?? 0) + 1)
    if (this.#isCalm || this.#random() >= this.#plan.troubleRate) return 'done'
    return troubles[Math.floor(this.#random() * troubles.length)] ?? 'error'
  }

  async #play(): Promise<void> {
    await this.#pool.booted
    for (let step = 0; step < this.#plan.steps; step += 1) {
      this.#act()
      this.#look()
      await sleep(this.#time, this.#random() < 0.3 ? 0 : this.#random() * 1000)
    }
    if (!this.#plan.stopsEarly) await this.#rest()
    await this.#end()
  }

  #act(): void {
    const dice = this.#random()
    if (dice < 0.4) for (let left = this.#random() * 6; left > 0; left -= 1) this.#job()
    else if (dice < 0.45) this.#pair()
    else if (dice < 0.55) this.#crash()
    else if (dice < 0.65) this.#hold()
    else if (dice < 0.7) this.#wait()
    else if (dice < 0.75) this.#runAlone()
    else if (dice < 0.85) this.#isBroken = !this.#isBroken && this.#random() < 0.4
    else if (dice < 0.95) this.#reset()
  }

  #newJob(): Job {
    const id = `j${this.#jobs++}`
    this.#open.add(id)
    return { id, context: JSON.stringify({ record: { messageId: id } }), body: '', codec: Codec.raw }
  }

  #job(): void {
    const job = this.#newJob()
    const giveUp = new AbortController()
    if (this.#random() < 0.1) this.#time.timer(this.#random() * 500, () => giveUp.abort())
    const options = {
      signal: giveUp.signal,
      front: this.#random() < 0.1,
      priority: 1 + Math.floor(this.#random() * 20),
      key: `k${Math.floor(this.#random() * 3)}`,
      ...(this.#random() < 0.1 ? { deadlineMs: this.#time.nowMs() + this.#random() * 1000 } : {}),
    }
    void this.#settle(job, this.#pool.run(job, options))
  }

  #runAlone(): void {
    const job = this.#newJob()
    this.#alone += 1
    const run = this.#pool.runAlone(job).finally(() => {
      this.#alone -= 1
    })
    void this.#settle(job, run)
  }

  /** A lease that is kept over several jobs, as lanes do; nobody else may have its worker meanwhile. */
  #hold(): void {
    const lease = this.#pool.tryAcquire()
    if (lease === undefined) return
    const { pid } = lease
    if (pid === undefined || this.#held.has(pid)) this.#violations.push(`worker ${pid} was leased twice`)
    if (pid !== undefined) this.#held.add(pid)
    const jobs = [this.#newJob(), this.#newJob()]
    void (async () => {
      await sleep(this.#time, this.#random() * 200)
      for (const job of jobs) await this.#settle(job, lease.run(job))
      if (pid !== undefined) this.#held.delete(pid)
      lease.release()
      lease.release()
    })()
  }

  /** Two jobs in the pipe of one worker; one that is returned has not been run, and goes to another worker. */
  #pair(): void {
    const lease = this.#pool.tryAcquire()
    if (lease === undefined) return
    this.#begin((job, sink) => lease.start(job, {}, sink))
    if (lease.hasRoom(false)) this.#begin((job, sink) => lease.startNext(job, {}, sink))
    lease.release()
  }

  #begin(start: (job: Job, sink: JobSink) => void): void {
    const job = this.#newJob()
    const ended = new Promise((done, failed) => {
      const returned = () => {
        if (this.#ran.has(String(job.id)))
          this.#violations.push(`${job.id} was returned, and a worker had begun it`)
        this.#pool.run(job).then(done, failed)
      }
      start(job, { done, failed, returned })
    })
    void this.#settle(job, ended)
  }

  #wait(): void {
    const giveUp = new AbortController()
    this.#time.timer(this.#random() * 3000, () => giveUp.abort())
    void this.#pool.whenIdle(giveUp.signal, 1 + Math.floor(this.#random() * 2))
  }

  #crash(): void {
    const alive = [...this.#workers].filter((worker) => worker.state !== 'exited')
    const worker = alive[Math.floor(this.#random() * alive.length)]
    if (worker !== undefined) this.#falls.get(worker.pid)?.()
  }

  #reset(): void {
    this.#openResets += 1
    this.#pool
      .reset()
      .then(() => {
        this.#resets += 1
      })
      .catch((error: unknown) => {
        const code = error instanceof RelayError ? error.code : String(error)
        if (code !== 'RR_RESET_FAILED' && code !== 'RR_POOL_STOPPED') this.#violations.push(`reset: ${code}`)
      })
      .finally(() => {
        this.#openResets -= 1
      })
  }

  async #settle(job: Job, run: Promise<unknown>): Promise<void> {
    const id = String(job.id)
    const once = () => {
      if (!this.#open.delete(id)) this.#violations.push(`${id} had two outcomes`)
      this.#time.touch()
    }
    try {
      await run
      this.#answered += 1
      if (!this.#begun.has(id)) this.#violations.push(`${id} was answered and no worker ran it`)
    } catch (error) {
      this.#failed += 1
      if (!(error instanceof RelayError) || !expected.has(error.code))
        this.#violations.push(`${id}: ${error instanceof Error ? error.stack : String(error)}`)
    }
    once()
  }

  /** Checks the invariants that hold at any time. */
  #look(): void {
    const { size } = this.#pool
    const floor = this.#plan.size
    const ceiling = this.#plan.hasAllocator ? floor + 4 : floor
    if (size < floor || size > ceiling) this.#violations.push(`${size} places, not ${floor} to ${ceiling}`)
    const fit = [...this.#workers].filter((worker) => !worker.score.isGone).length
    const most = size + leavingMax(size) + 1 + this.#alone
    if (fit > most) this.#violations.push(`${fit} workers take jobs, at most ${most} may`)
    if (this.#pool.liveCount > size)
      this.#violations.push(`${this.#pool.liveCount} workers in ${size} places`)
    if (this.#pool.idleCount > fit) this.#violations.push(`${this.#pool.idleCount} idle of ${fit}`)
  }

  /** Faults end; whatever has happened, the pool is as good as new after a while. */
  async #rest(): Promise<void> {
    this.#isCalm = true
    await sleep(this.#time, restMs)
    const settled = () => this.#open.size === 0 && this.#openResets === 0
    for (let looks = 0; looks < 2000 && !(settled() && this.#isHealthy()); looks += 1)
      await sleep(this.#time, 50)
    if (!settled())
      this.#violations.push(`${this.#open.size} jobs, ${this.#openResets} resets are open for ever`)
    if (!this.#isHealthy()) this.#violations.push(`not healthy after a rest: ${this.#state()}`)
    await Promise.all(Array.from({ length: 3 * this.#plan.size }, () => this.#last()))
  }

  #isHealthy(): boolean {
    const { size, liveCount, idleCount, health } = this.#pool
    const alive = [...this.#workers].filter((worker) => worker.state !== 'exited').length
    const isFull = size === this.#plan.size && liveCount === size && idleCount === size && alive === size
    return isFull && !health.isDegraded
  }

  #state(): string {
    const { size, liveCount, idleCount, health } = this.#pool
    const states = [...this.#workers]
      .map(({ state, why }) => `${state}/${why}`)
      .filter((one) => !/^exited/.test(one))
    return JSON.stringify({ size, liveCount, idleCount, states, health })
  }

  async #last(): Promise<void> {
    const job = this.#newJob()
    const before = this.#failed
    await this.#settle(job, this.#pool.run(job))
    if (this.#failed !== before) this.#violations.push('a job failed although all was well')
  }

  async #end(): Promise<void> {
    const stopped = this.#pool.stop(3000)
    if (this.#random() < 0.3) this.#pool.kill()
    await stopped
    await sleep(this.#time, 10_000)
    if (this.#open.size > 0) this.#violations.push(`${[...this.#open].join()} had no outcome after the stop`)
    if (this.#openResets > 0) this.#violations.push('a reset is open after the stop')
    const left = [...this.#workers].filter(({ state }) => state !== 'exited').length
    if (left > 0) this.#violations.push(`${left} workers are left after the stop`)
    if (this.#time.timerCount > 0)
      this.#violations.push(`${this.#time.timerCount} timers are left after the stop`)
  }
}
