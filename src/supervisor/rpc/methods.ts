/** The methods that every server has: RoadRunner's `rpc`, `informer`, `resetter`, and ours under `rr`. */

import type { LedgerEntry, LedgerView } from '../ledger.js'
import type { PluginInfo } from '../plugins/container.js'
import type { ManagedPool, WorkerInfo } from '../pool/pool.js'
import { roadRunnerVersion } from '../version.js'
import { claimedIdentity } from './audit.js'
import type { RpcHost } from './host.js'

/** What the methods ask. */
export interface ServerFacts {
  readonly pools: { all(): readonly ManagedPool[]; reset(name: string): Promise<void> }
  readonly ledger: () => LedgerView
  readonly plugins: () => readonly PluginInfo[]
  readonly pid: number
  readonly version: string
  /** The configuration file, or the working directory. */
  readonly path: string
  /** True as soon as the server has begun to stop. */
  readonly isStopping: () => boolean
  /** Begins to stop the server; the caller is answered first. */
  readonly stop: () => void
}

/** RoadRunner's numbers and names of worker states. */
const roadRunnerStates: Readonly<Record<string, readonly [number, string]>> = {
  spawning: [0, 'inactive'],
  idle: [1, 'ready'],
  busy: [2, 'working'],
  draining: [3, 'invalid'],
  stopping: [4, 'stopping'],
  killing: [4, 'stopping'],
  exited: [5, 'stopped'],
}
const roadRunnerReasons: Readonly<Record<string, readonly [number, string]>> = {
  max_jobs: [7, 'maxJobsReached'],
  idle_ttl: [9, 'idleTTLReached'],
  ttl: [10, 'ttlReached'],
  max_memory: [11, 'maxMemoryReached'],
  exec_ttl: [12, 'execTTLReached'],
}

/** Registers RoadRunner's methods for every client, and ours for the operator's socket. */
export function registerServerMethods(rpc: RpcHost, facts: ServerFacts): void {
  registerRoadRunnerMethods(rpc, facts)
  registerOwnMethods(rpc, facts)
}

function registerRoadRunnerMethods(rpc: RpcHost, { pools }: ServerFacts): void {
  const names = () => pools.all().map((pool) => pool.name)
  rpc.register('rpc', { Version: () => roadRunnerVersion })
  rpc.register('informer', {
    List: names,
    Workers: async (name) => {
      const pool = pools.all().find((one) => one.name === name)
      return { workers: pool === undefined ? null : (await pool.workers()).map(roadRunnerWorker) }
    },
  })
  rpc.register(
    'resetter',
    {
      List: names,
      Reset: async (name) => {
        if (typeof name !== 'string') throw new Error('rpc: resetter.Reset takes the name of a pool')
        await pools.reset(name)
        return true
      },
    },
    { audited: ['Reset'] },
  )
}

function registerOwnMethods(rpc: RpcHost, facts: ServerFacts): void {
  const { pools, ledger, plugins, pid, stop } = facts
  rpc.registerOwn(
    'rr',
    {
      Hello: (argument, caller) => {
        caller.claimed = claimedIdentity(argument)
        return { name: 'relayrunner', version: facts.version, pid, path: facts.path }
      },
      Status: () => statusOf(facts),
      Workers: async () =>
        (await Promise.all(pools.all().map((pool) => pool.workers()))).flat().map(ownWorker),
      Pools: () => Promise.all(pools.all().map(poolRow)),
      Ledger: () => ledgerDocument(ledger()),
      Plugins: () => plugins(),
      Stop: () => {
        setImmediate(stop)
        return { pid }
      },
    },
    { audited: ['Stop'] },
  )
}

/** Answers cheaply: commands that wait for a slow method call it repeatedly. */
function statusOf({ pools, pid, isStopping }: ServerFacts): object {
  const all = pools.all()
  return {
    state: isStopping() ? 'stopping' : 'running',
    pid,
    live: all.reduce((sum, pool) => sum + pool.liveCount, 0),
    idle: all.reduce((sum, pool) => sum + pool.idleCount, 0),
    waiting: all.reduce((sum, pool) => sum + pool.waitingCount, 0),
  }
}

function roadRunnerWorker(worker: WorkerInfo): object {
  const [status, statusStr] = roadRunnerReasons[worker.why ?? ''] ??
    roadRunnerStates[worker.state] ?? [8, 'errored']
  return {
    pid: worker.pid,
    status,
    numExecs: worker.jobs,
    created: worker.createdAtMs * 1_000_000,
    memoryUsage: worker.memoryBytes,
    CPUPercent: 0,
    command: worker.command,
    statusStr,
  }
}

async function poolRow(pool: ManagedPool): Promise<object> {
  const { isDegraded, degradedMs, recentDeaths, restarts, why } = pool.health
  const workers = await pool.workers()
  return {
    pool: pool.name,
    size: pool.size,
    live: pool.liveCount,
    idle: pool.idleCount,
    busy: workers.filter(({ state }) => state === 'busy' || state === 'draining').length,
    waiting: pool.waitingCount,
    oldest_wait_ms: Math.round(pool.oldestWaitMs),
    restarts,
    degraded: isDegraded
      ? { for_ms: Math.round(degradedMs), recent_deaths: recentDeaths, why: why ?? '' }
      : null,
    memory_bytes: workers.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0),
  }
}

function ledgerDocument({ counts, open, ended }: LedgerView): object {
  return { counts, open: open.map(ledgerRow), ended: ended.map(ledgerRow) }
}

function ledgerRow({ id, acceptedAtMs, assigned, answered, end, reason }: LedgerEntry): object {
  const acceptedAt = new Date(acceptedAtMs).toISOString()
  return { id, accepted_at: acceptedAt, assigned, answered, end: end ?? null, reason: reason ?? null }
}

function ownWorker(worker: WorkerInfo): object {
  return {
    pool: worker.pool,
    pid: worker.pid,
    ...(worker.thread === undefined ? {} : { thread: worker.thread }),
    state: worker.state,
    jobs: worker.jobs,
    memory_bytes: worker.memoryBytes,
    created_at: new Date(worker.createdAtMs).toISOString(),
  }
}
