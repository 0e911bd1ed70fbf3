/** A real pool on scripted workers in virtual time: boots, crashes and jobs happen when the test says so, without a process. */
import type { TestContext } from 'node:test'
import { seededRandom } from '../../src/core/random.js'
import { Codec, type Job } from '../../src/supervisor/job.js'
import type { PoolConfig } from '../../src/supervisor/pool/keys.js'
import { WorkerPool } from '../../src/supervisor/pool/worker-pool.js'
import type { WorkerPoolOptions } from '../../src/supervisor/pool/worker-pool-options.js'
import type { Worker } from '../../src/supervisor/worker/worker.js'
import { type Script, scriptedBoot } from '../schedules/scripted-workers.js'
import { VirtualTime } from '../schedules/virtual-time.js'
import { poolDefaults, recordingLogger } from './pool.js'

/** Settings that a test changes while the pool runs. */
interface Knobs {
  bootMs: number
  failsBoot: boolean
  script: (id: string) => Script
}

/** Options at the start. */
export interface ScriptedPoolOptions extends Partial<Pick<WorkerPoolOptions, 'measure' | 'budget' | 'size'>> {
  readonly config?: Partial<PoolConfig>
  readonly jobsMax?: number
  readonly knobs?: Partial<Knobs>
}

/** A pool and its strings. */
export interface ScriptedPool {
  readonly pool: WorkerPool
  readonly time: VirtualTime
  readonly knobs: Knobs
  readonly log: ReturnType<typeof recordingLogger>
  /** Workers that have booted, in their order. */
  readonly workers: readonly Worker[]
  /** Ends a worker's process as a crash would. */
  fall(worker: Worker): void
  /** Lets time go by until `isTrue`; throws when nothing can happen any more. */
  until(isTrue: () => boolean): Promise<void>
  /** Lets time go by until the promise has settled. */
  settled<T>(promise: Promise<T>): Promise<T>
  /** Lets so much time go by. */
  pass(ms: number): Promise<void>
  job(id: string): Job
}

const msMax = 3_600_000

/** Starts one; all time it needs is virtual. */
export function scriptedPool(t: TestContext, options: ScriptedPoolOptions = {}): ScriptedPool {
  const { config = {}, jobsMax = 0, size = 1, measure, budget } = options
  const time = new VirtualTime()
  const log = recordingLogger()
  const workers: Worker[] = []
  const falls = new Map<number, () => void>()
  const knobs: Knobs = {
    bootMs: 10,
    failsBoot: false,
    script: () => ({ deed: 'done', takesMs: 1 }),
    ...options.knobs,
  }
  const boot = scriptedBoot({
    clock: time,
    jobsMax,
    execTtlMs: 0,
    isOrdered: false,
    bootMs: () => knobs.bootMs,
    failsBoot: () => knobs.failsBoot,
    script: (id) => knobs.script(id),
    onEvent: () => undefined,
    touch: () => time.touch(),
    onUp: (pid, fall) => falls.set(pid, fall),
  })
  const pool = new WorkerPool({
    name: 'p',
    size,
    command: 'script',
    config: { ...poolDefaults, ...config },
    clock: time,
    random: seededRandom(1),
    log,
    boot: async (events, signal) => {
      const worker = await boot(events, signal)
      workers.push(worker)
      return worker
    },
    measure: measure ?? (() => Promise.resolve(0)),
    ...(budget === undefined ? {} : { budget }),
  })
  t.after(() => pool.kill())
  const until = (isTrue: () => boolean) => time.run(isTrue, msMax)
  return {
    pool,
    time,
    knobs,
    log,
    workers,
    until,
    fall: (worker) => falls.get(worker.pid)?.(),
    settled: async (promise) => {
      let isOver = false
      const end = () => {
        isOver = true
        time.touch()
      }
      promise.then(end, end)
      await until(() => isOver)
      return promise
    },
    pass: async (ms) => {
      let isOver = false
      time.timer(ms, () => {
        isOver = true
      })
      await until(() => isOver)
    },
    job: (id) => ({ id, context: JSON.stringify({ record: { messageId: id } }), body: '', codec: Codec.raw }),
  }
}
