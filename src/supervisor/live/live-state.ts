/**
 * The numbers of a running server, read when a client asks for them and not before: pools and workers by a look, memory and queues no
 * oftener than every few seconds. `rr top` and the dashboard show the same document.
 */
import { availableParallelism } from 'node:os'
import type { Undo } from '../../core/abort.js'
import type { Clock } from '../../core/clock.js'
import type { RecentLines } from '../../logging/recent-lines.js'
import type { LedgerView } from '../ledger.js'
import { readMemoryBudget } from '../machine/memory.js'
import { cpuMs } from '../machine/process-state.js'
import type { ManagedPool, WorkerGlance } from '../pool/pool.js'
import type { LiveDocument, LivePool, LiveQueue, LiveWorker, StackDocument } from './document.js'
import { liveFailure, liveLine } from './live-lines.js'
import type { QueueState, QueueStatesService } from './queue-states.js'
import { Refreshed } from './refreshed.js'

/** Numbers of the last line and the last failure that a viewer has seen, 0 for none: it is sent later ones only. */
export interface SeenLines {
  readonly line?: number
  readonly failure?: number
}

/** State of the server for people. */
export interface LiveStateService {
  /** Reads the state, the last log lines and failures among it. */
  sample(seen?: SeenLines): Promise<LiveDocument>
  /** Jobs of all pools since the start, read cheaply: those that ended, those among them that failed, and callers in line. */
  totals(): readonly PoolTotals[]
  /**
   * Calls `listener` with the time that each job took, in ms, for jobs that begin from now on. It costs a microsecond a job: end it by the
   * returned function when enough have been seen.
   */
  latencies(listener: (pool: string, tookMs: number) => void): Undo
  /** Asks a worker for its stack. */
  stack(worker: { readonly pool: string; readonly pid: number }): Promise<StackDocument>
}

/** Counts of one pool. */
export interface PoolTotals {
  readonly pool: string
  readonly jobs: number
  readonly failed: number
  readonly waiting: number
  readonly busy: number
}

/** Parts of a server that are shown. */
export interface LiveStateOptions {
  readonly pools: {
    all(): readonly ManagedPool[]
    list(): readonly { readonly name: string; readonly plugins: readonly string[] }[]
  }
  readonly queues: () => ReadonlyMap<string, QueueStatesService>
  readonly ledger: { view(): LedgerView }
  readonly lines: RecentLines
  readonly clock: Clock
  readonly version: string
  readonly path: string
  readonly isStopping: () => boolean
}

const linesMax = 200
const memoryAgeMs = 5000
const queuesAgeMs = 2000
const firstWaitMs = 1000
// A screen shows no more, and an environment with many records has thousands.
const openMax = 200

/** Implements the service. */
export class LiveState implements LiveStateService {
  readonly #options: LiveStateOptions
  readonly #memory: Refreshed<ReadonlyMap<string, number>>
  readonly #queues: Refreshed<readonly LiveQueue[]>
  readonly #startedAt: number

  constructor(options: LiveStateOptions) {
    this.#options = options
    const { clock } = options
    this.#startedAt = clock.monotonicMs()
    const slow = { clock, waitMsMax: firstWaitMs }
    this.#memory = new Refreshed<ReadonlyMap<string, number>>({
      ...slow,
      ageMsMax: memoryAgeMs,
      first: new Map(),
      read: () => this.#measure(),
    })
    this.#queues = new Refreshed({ ...slow, ageMsMax: queuesAgeMs, first: [], read: () => this.#askQueues() })
  }

  async sample({ line = 0, failure = 0 }: SeenLines = {}): Promise<LiveDocument> {
    const { pools, ledger, clock, lines } = this.#options
    const [memory, queues, server] = await Promise.all([
      this.#memory.get(),
      this.#queues.get(),
      this.#server(),
    ])
    const glances = pools
      .all()
      .flatMap((pool) => pool.glance().map((worker) => ({ pool: pool.name, worker })))
    const workers = glances.map(({ pool, worker }) => workerRow(pool, worker, memory, clock))
    const { counts, open } = ledger.view()
    return {
      time: new Date(clock.nowMs()).toISOString(),
      server,
      pools: pools.all().map((pool) => poolRow(pool, this.#pluginsOf(pool.name))),
      workers: await Promise.all(workers),
      queues,
      ledger: {
        counts: { ...counts },
        open: open.slice(0, openMax).map(({ id, acceptedAtMs, assigned, answered }) => ({
          id,
          accepted_at: new Date(acceptedAtMs).toISOString(),
          assigned,
          answered,
        })),
      },
      lines: lines.last(linesMax, line).map(liveLine),
      failures: lines.failures(failure).map(liveFailure),
    }
  }

  totals(): readonly PoolTotals[] {
    return this.#options.pools.all().map((pool) => {
      const { name, totals, waitingCount, busyCount } = pool
      return { pool: name, ...totals, waiting: waitingCount, busy: busyCount }
    })
  }

  latencies(listener: (pool: string, tookMs: number) => void): Undo {
    // All pools of a server share one emitter.
    const events = this.#options.pools.all()[0]?.events
    return events?.on('settled', ({ pool, tookMs }) => listener(pool, tookMs)) ?? (() => undefined)
  }

  async stack({ pool: name, pid }: { readonly pool: string; readonly pid: number }): Promise<StackDocument> {
    const pool = this.#options.pools.all().find((one) => one.name === name)
    const asked = pool?.glance().find(({ id }) => id.pid === pid)
    if (asked === undefined) return { lines: [], why: `pool ${name} has no worker ${pid}` }
    const lines = await asked.printStack()
    if (lines === undefined)
      return { lines: [], why: `worker ${pid} has not announced that it prints its stack` }
    return { lines, why: lines.length === 0 ? `worker ${pid} printed no stack within a second` : null }
  }

  #pluginsOf(pool: string): readonly string[] {
    return this.#options.pools.list().find(({ name }) => name === pool)?.plugins ?? []
  }

  async #server(): Promise<LiveDocument['server']> {
    const { clock, version, path, isStopping } = this.#options
    const { user, system } = process.cpuUsage()
    const { limitBytes } = await readMemoryBudget(Number.POSITIVE_INFINITY)
    return {
      pid: process.pid,
      version,
      node: process.versions.node,
      path,
      state: isStopping() ? 'stopping' : 'running',
      uptime_ms: Math.round(clock.monotonicMs() - this.#startedAt),
      cpu_ms: Math.round((user + system) / 1000),
      memory_bytes: process.memoryUsage.rss(),
      memory_limit_bytes: Number.isFinite(limitBytes) ? limitBytes : null,
      cpus: availableParallelism(),
    }
  }

  async #measure(): Promise<ReadonlyMap<string, number>> {
    const rows = (await Promise.all(this.#options.pools.all().map((pool) => pool.workers()))).flat()
    return new Map(rows.map((row) => [keyOf(row.pool, row), row.memoryBytes]))
  }

  async #askQueues(): Promise<readonly LiveQueue[]> {
    const services = [...this.#options.queues().values()]
    return (await Promise.all(services.map((one) => one.states()))).flat().map(queueRow)
  }
}

function keyOf(pool: string, { pid, thread }: { readonly pid: number; readonly thread?: number }): string {
  return `${pool} ${pid} ${thread ?? ''}`
}

function poolRow(pool: ManagedPool, plugins: readonly string[]): LivePool {
  const { isDegraded, degradedMs, recentDeaths, restarts, why } = pool.health
  return {
    pool: pool.name,
    plugins,
    size: pool.size,
    live: pool.liveCount,
    idle: pool.idleCount,
    busy: pool.busyCount,
    waiting: pool.waitingCount,
    oldest_wait_ms: Math.round(pool.oldestWaitMs),
    restarts,
    degraded: isDegraded
      ? { for_ms: Math.round(degradedMs), recent_deaths: recentDeaths, why: why ?? '' }
      : null,
    ...pool.totals,
  }
}

async function workerRow(
  pool: string,
  worker: WorkerGlance,
  memory: ReadonlyMap<string, number>,
  clock: Clock,
): Promise<LiveWorker> {
  const { id, state, why, jobs, failed, running, places, job, idleSince, createdAtMs } = worker
  const now = clock.monotonicMs()
  return {
    pool,
    pid: id.pid,
    thread: id.thread ?? null,
    state,
    why: why ?? null,
    jobs,
    failed,
    running,
    places,
    job:
      job === undefined
        ? null
        : { id: job.id ?? '', name: job.name ?? '', for_ms: Math.max(0, Math.round(now - job.beganAt)) },
    idle_ms: state === 'idle' ? Math.max(0, Math.round(now - idleSince)) : null,
    memory_bytes: memory.get(keyOf(pool, id)) ?? null,
    cpu_ms: id.thread === undefined ? await cpuMs(id.pid) : null,
    created_at: new Date(createdAtMs).toISOString(),
  }
}

/** Makes the row of a queue; numbers that it cannot say are null. */
function queueRow(state: QueueState): LiveQueue {
  const { pipeline, driver, queue, priority, error, isReady, oldestMs, tally } = state
  return {
    pipeline,
    driver,
    queue,
    priority,
    state: error !== undefined ? 'unreachable' : isReady ? 'consuming' : 'paused',
    error: error ?? null,
    active: state.active ?? null,
    delayed: state.delayed ?? null,
    reserved: state.reserved ?? null,
    oldest_ms: oldestMs === undefined ? null : Math.round(oldestMs),
    running: state.running ?? null,
    waiting: state.waiting ?? null,
    kept: state.kept ?? null,
    per_minute: state.perMinute ?? null,
    done: tally?.done ?? null,
    retried: tally?.retried ?? null,
    failed: tally?.failed ?? null,
  }
}
