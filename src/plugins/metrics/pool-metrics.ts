/**
 * Metrics of pools: under RoadRunner's names for each plugin that has workers, which are read at a scrape, and under ours for each
 * pool, which events count.
 */
import type { MetricsService, PoolsService, WorkerInfo } from '../../index.js'

/** RoadRunner's names of states, and the group that a state counts in. */
const states: Readonly<Record<string, readonly [name: string, group: 'ready' | 'working' | 'invalid']>> = {
  spawning: ['inactive', 'invalid'],
  idle: ['ready', 'ready'],
  busy: ['working', 'working'],
  draining: ['working', 'working'],
  stopping: ['stopping', 'invalid'],
  killing: ['killing', 'invalid'],
  exited: ['stopped', 'invalid'],
}

const durationBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

/** Declares and feeds the metrics of all pools. */
export function watchPools(pools: PoolsService, metrics: MetricsService): void {
  countEvents(pools, metrics)
  const gauge = (name: string, help: string) =>
    metrics.declare(name, { type: 'gauge', help, labels: ['pool'] })
  const waiting = gauge('rr_pool_waiting', 'Callers in line for a worker.')
  const live = gauge('rr_pool_live_workers', 'Workers that are idle or busy.')
  const degraded = gauge('rr_pool_degraded', '1 while workers die faster than crash_loop allows.')
  const workerSets = new Map<string, WorkerSet>()
  metrics.collect(async () => {
    for (const { name, isOpen, plugins, waitingCount, liveCount, isDegraded } of pools.list()) {
      if (!isOpen) continue
      waiting.of(name).set(waitingCount)
      live.of(name).set(liveCount)
      degraded.of(name).set(isDegraded ? 1 : 0)
      const workers = (await pools.get(name)?.workers()) ?? []
      for (const plugin of plugins) {
        const set = workerSets.get(plugin) ?? new WorkerSet(plugin, metrics)
        workerSets.set(plugin, set)
        set.show(workers)
      }
    }
  })
}

function countEvents(pools: PoolsService, metrics: MetricsService): void {
  const jobs = metrics.declare('rr_pool_jobs_total', {
    type: 'counter',
    help: 'Jobs that ended, by their outcome.',
    labels: ['pool', 'outcome'],
  })
  const seconds = metrics.declare('rr_pool_job_duration_seconds', {
    type: 'histogram',
    help: 'Time that workers took for a job.',
    labels: ['pool'],
    buckets: durationBuckets,
  })
  const exits = metrics.declare('rr_pool_worker_exits_total', {
    type: 'counter',
    help: 'Workers that ended, by the reason.',
    labels: ['pool', 'why'],
  })
  pools.on('settled', ({ pool, outcome, tookMs }) => {
    jobs.of(pool, outcome.kind).add()
    seconds.of(pool).observe(tookMs / 1000)
  })
  pools.on('exited', ({ pool, why }) => exits.of(pool, why ?? 'exited').add())
}

/** The metrics that RoadRunner has for each plugin with workers: `rr_http_total_workers` and so on. */
class WorkerSet {
  readonly #show: (workers: readonly WorkerInfo[]) => void

  constructor(plugin: string, metrics: MetricsService) {
    const name = (last: string) => `rr_${plugin.replace(/\W/g, '_')}_${last}`
    const gauge = (last: string, help: string) => metrics.declare(name(last), { type: 'gauge', help }).of()
    const total = gauge('total_workers', 'Workers of the plugin.')
    const memory = gauge('workers_memory_bytes', 'Memory of its workers.')
    const groups = {
      ready: gauge('workers_ready', 'Workers that wait for a job.'),
      working: gauge('workers_working', 'Workers that run a job.'),
      invalid: gauge('workers_invalid', 'Workers that boot or end.'),
    }
    const state = metrics.declare(name('worker_state'), {
      type: 'gauge',
      help: '1 for the current state of each worker.',
      labels: ['state', 'pid'],
    })
    const memoryOf = metrics.declare(name('worker_memory_bytes'), {
      type: 'gauge',
      help: 'Memory of each worker.',
      labels: ['pid'],
    })
    let shown: readonly (readonly [state: string, pid: string])[] = []
    this.#show = (workers) => {
      for (const [stateName, pid] of shown) {
        state.forget(stateName, pid)
        memoryOf.forget(pid)
      }
      shown = workers.map((worker) => [states[worker.state]?.[0] ?? worker.state, idOf(worker)])
      total.set(workers.length)
      memory.set(workers.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0))
      for (const [group, one] of Object.entries(groups))
        one.set(workers.filter((worker) => (states[worker.state]?.[1] ?? 'invalid') === group).length)
      for (const worker of workers) memoryOf.of(idOf(worker)).set(worker.memoryBytes)
      for (const [stateName, pid] of shown) state.of(stateName, pid).set(1)
    }
  }

  /** Replaces what is shown. */
  show(workers: readonly WorkerInfo[]): void {
    this.#show(workers)
  }
}

function idOf({ pid, thread }: WorkerInfo): string {
  return thread === undefined ? `${pid}` : `${pid}/${thread}`
}
