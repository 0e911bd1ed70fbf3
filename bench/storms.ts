/**
 * Long trials of a pool, each of which must end without a fault: resets under load, workers killed at full load, growth and shrinkage
 * without end. `npm run bench storms` runs them whole, `npm test` a tenth of each. They throw when something is not as it must be.
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sleep, systemClock } from '../src/core/clock.js'
import { deferred } from '../src/core/deferred.js'
import { hasCode } from '../src/core/errors.js'
import { seededRandom } from '../src/core/random.js'
import { silentLogger } from '../src/logging/logger.js'
import { Codec, type Job } from '../src/supervisor/job.js'
import { InFlightLedger } from '../src/supervisor/ledger.js'
import type { PoolConfig } from '../src/supervisor/pool/keys.js'
import type { ManagedPool } from '../src/supervisor/pool/pool.js'
import { WorkerPool } from '../src/supervisor/pool/worker-pool.js'
import { fixtureCommand, poolDefaults } from '../tests/helpers/pool.js'
import { drawPoolPlan, playPool } from '../tests/schedules/pool-schedule.js'
import { scriptedBoot } from '../tests/schedules/scripted-workers.js'
import { VirtualTime } from '../tests/schedules/virtual-time.js'
import { benchHost } from './host.js'

/** Runs all of them whole and prints what they came to. */
export async function benchStorms(): Promise<void> {
  for (const prefetches of [false, true]) {
    const how = prefetches ? ', two jobs in a pipe' : ''
    console.log(`500 resets under load${how}:`, JSON.stringify(await stormOfResets(500, prefetches)))
    console.log(
      `kill -9 every 50 ms for a minute${how}:`,
      JSON.stringify(await stormOfKills(1200, prefetches)),
    )
  }
  console.log('1 to 64 workers and back, sixty times:', JSON.stringify(await stormOfSizes(60)))
}

/** Plays a thousand schedules of a whole pool in virtual time; throws with the seed of one that was violated. */
export async function benchPoolSchedules(): Promise<void> {
  let jobs = 0
  for (let seed = 1; seed <= 1000; seed += 1) {
    const tally = await playPool(drawPoolPlan(seed)).catch((cause: unknown) => {
      throw new Error(`RR_TEST_SEED=${seed}: ${String(cause)}`, { cause })
    })
    jobs += tally.jobs
  }
  console.log(`1000 schedules of a pool, ${jobs} jobs: nothing lost, nothing left`)
}

/**
 * Resets with good, broken and slow code in turn while jobs run; no job may fail, and only broken code may. With `prefetches` callers send
 * their jobs in pairs, the second to wait in the worker's pipe; they are as many as workers, since nothing waits there while a caller is in line.
 */
export async function stormOfResets(count: number, prefetches = false) {
  const folder = await mkdtemp(join(tmpdir(), 'rr-storm-'))
  const code = join(folder, 'code')
  await writeFile(code, 'good')
  const open = openPool(folder, fixtureCommand('by-file', code), { num_workers: 2 })
  try {
    const { pool } = open
    await pool.booted
    const load = new Callers(pool, open.ledger, prefetches ? 2 : 4, prefetches)
    let refused = 0
    for (let at = 0; at < count; at += 1) {
      const kind = ['good', 'broken', 'slow'][at % 3] ?? 'good'
      await writeFile(code, kind)
      const fault: unknown = await pool.reset().then(
        () => undefined,
        (error: unknown) => error,
      )
      assert.equal(hasCode(fault, 'RR_RESET_FAILED'), kind === 'broken', String(fault))
      if (fault !== undefined) {
        refused += 1
        assert.match(String(fault), /syntax error in the new code/)
      }
      assert.equal(pool.liveCount, 2)
    }
    const { done, failed } = await load.end()
    assert.equal(failed, 0)
    return { resets: count, refused, jobs: done, failed }
  } finally {
    await open.close()
  }
}

/** `count` times, every 50 ms, SIGKILL to a random worker of four at full load; the ledger balances and the pool is whole afterwards. */
export async function stormOfKills(count: number, prefetches = false) {
  const folder = await mkdtemp(join(tmpdir(), 'rr-storm-'))
  const open = openPool(folder, fixtureCommand('echo'), {
    num_workers: 4,
    crash_loop: { deaths: 1e5, within: 30_000 },
  })
  try {
    const { pool, ledger } = open
    await pool.booted
    const load = new Callers(pool, ledger, prefetches ? 4 : 8, prefetches)
    const random = seededRandom(1)
    let kills = 0
    while (kills < count) {
      const workers = await pool.workers()
      const victim = workers[Math.floor(random() * workers.length)]
      if (victim !== undefined && killed(victim.pid)) kills += 1
      await sleep(systemClock, 50)
    }
    const { done, failed } = await load.end()
    while (pool.liveCount < 4) await sleep(systemClock, 20)
    const { counts } = ledger.view()
    assert.ok(failed <= kills, `${failed} jobs failed by ${kills} kills`)
    assert.deepEqual([counts.open, counts.violations, counts.accepted], [0, 0, done + failed])
    assert.equal(counts.assigned, counts.answered)
    return { kills, jobs: done, failed, returned: load.returned, ledger: counts }
  } finally {
    await open.close()
  }
}

/** Grows a pool from 1 worker to 64 by demand and shrinks it by idleness, in virtual time; the numbers must be exact each time. */
export async function stormOfSizes(count: number) {
  const time = new VirtualTime()
  let booted = 0
  const boot = scriptedBoot({
    clock: time,
    jobsMax: 0,
    execTtlMs: 0,
    isOrdered: false,
    bootMs: () => 5,
    failsBoot: () => false,
    script: () => ({ deed: 'done', takesMs: 300 }),
    onEvent: () => undefined,
    touch: () => time.touch(),
    onUp: () => {
      booted += 1
    },
  })
  const allocator = { max_workers: 63, spawn_rate: 63, idle_timeout: 100, grow_after: 10, cool_down: 10 }
  const config = { ...poolDefaults, dynamic_allocator: allocator }
  const tools = { clock: time, random: seededRandom(1), log: silentLogger }
  const pool = new WorkerPool({
    name: 'sizes',
    size: 1,
    config,
    command: 'script',
    boot,
    measure: async () => 0,
    ...tools,
  })
  for (let at = 1; at <= count; at += 1) {
    const jobs = Array.from({ length: 200 }, (_, n) => pool.run(scriptedJob(`${at}-${n}`)))
    await time.run(() => pool.liveCount === 64, 10_000)
    assert.equal(pool.size, 64)
    let isDone = false
    void Promise.all(jobs).then(() => {
      isDone = true
      time.touch()
    })
    await time.run(() => isDone && pool.size === 1, 10_000)
    assert.equal(pool.liveCount, 1)
    assert.equal(booted, 1 + 63 * at)
  }
  pool.kill()
  return { rounds: count, booted, jobs: 200 * count, virtualMs: time.monotonicMs() }
}

function callersJob(requestId: string): Job {
  return { context: '{}', body: 'x', codec: Codec.raw, id: requestId, tags: { requestId } }
}

function scriptedJob(id: string): Job {
  return { context: JSON.stringify({ record: { messageId: id } }), body: '', codec: Codec.raw }
}

function killed(pid: number): boolean {
  try {
    process.kill(pid, 'SIGKILL')
    return true
  } catch {
    // It had gone already: not one of ours.
    return false
  }
}

/** A host with one pool and a ledger in a folder that goes with it. */
export function openPool(
  folder: string,
  command: readonly string[],
  config: Partial<PoolConfig>,
  hasLedger = true,
) {
  const ledger = new InFlightLedger({ clock: systemClock, log: silentLogger })
  const host = benchHost(folder, hasLedger ? ledger : undefined)
  const pool = host.open({ ...poolDefaults, ...config, command }, { name: 'storm', mode: 'lambda' })
  const close = async () => {
    await host.stop(0)
    await rm(folder, { recursive: true, force: true })
  }
  return { pool, ledger, close }
}

/** Callers that each run one job, or two on one worker, after the other and write it down. */
export class Callers {
  done = 0
  failed = 0
  /** Jobs that a worker left in its pipe, and that were run again. */
  returned = 0
  readonly #pool: ManagedPool
  readonly #ledger: InFlightLedger | undefined
  #isOver = false
  readonly #all: Promise<void>[]

  constructor(pool: ManagedPool, ledger: InFlightLedger | undefined, count: number, prefetches = false) {
    this.#pool = pool
    this.#ledger = ledger
    this.#all = Array.from({ length: count }, async (_, caller) => {
      for (let at = 0; !this.#isOver; at += 1) {
        const jobs = prefetches ? [`c${caller}-${at}a`, `c${caller}-${at}b`] : [`c${caller}-${at}`]
        for (const id of jobs) ledger?.accepted(id)
        await (prefetches ? this.#runPair(jobs) : this.#run(jobs[0] ?? ''))
      }
    })
  }

  async #run(id: string): Promise<void> {
    await this.#pool.run(callersJob(id)).then(
      () => this.#end(id, true),
      () => this.#end(id, false),
    )
  }

  /** Runs the second job behind the first where its worker has room; what comes back is run again. */
  async #runPair(ids: readonly string[]): Promise<void> {
    const lease = await this.#pool.acquire()
    const again: string[] = []
    const sent: Promise<void>[] = []
    const write = lease.joinWrites()
    for (const id of ids) {
      if (sent.length > 0 && !lease.hasRoom(false)) {
        again.push(id)
        continue
      }
      const ended = deferred<void>()
      const sink = {
        done: () => ended.resolve(this.#end(id, true)),
        failed: () => ended.resolve(this.#end(id, false)),
        returned: () => {
          this.returned += 1
          again.push(id)
          ended.resolve()
        },
      }
      if (sent.length === 0) lease.start(callersJob(id), {}, sink)
      else lease.startNext(callersJob(id), {}, sink)
      sent.push(ended.promise)
    }
    write()
    await Promise.all(sent)
    lease.release()
    for (const id of again) await this.#run(id)
  }

  #end(id: string, isDone: boolean): void {
    this.#ledger?.acknowledged(id, isDone ? 'done' : 'failed')
    if (isDone) this.done += 1
    else this.failed += 1
  }

  async end() {
    this.#isOver = true
    await Promise.all(this.#all)
    return { done: this.done, failed: this.failed }
  }
}
