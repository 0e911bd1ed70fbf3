/** The methods that every server has: RoadRunner's `rpc`, `informer`, `resetter`, and ours under `rr`. */

import { objectOf } from '../../core/json.js'
import type { RemoteProcedure } from '../../ipc/rpc/procedure.js'
import type { RecentLines } from '../../logging/recent-lines.js'
import type { LedgerEntry, LedgerView } from '../ledger.js'
import type { LiveStateService, SeenLines } from '../live/live-state.js'
import type { PluginInfo } from '../plugins/container.js'
import type { ManagedPool, WorkerInfo } from '../pool/pool.js'
import { roadRunnerVersion } from '../version.js'
import { claimedIdentity } from './audit.js'
import type { ControlSockets, OwnCall } from './control-sockets.js'
import { logLines } from './log-lines.js'
import {
  Hello,
  type LedgerDocument,
  type LedgerRow,
  LedgerRows,
  Live,
  Plugins,
  type PoolRow,
  PoolRows,
  RecentLog,
  Stack,
  Status,
  Stop,
  type WorkerRow,
  Workers,
} from './own.js'
import type { AnyProcedure } from './procedure.js'
import type { CheckedProcedure } from './table.js'

/** Facts of a server that the methods read. */
export interface ServerFacts {
  readonly pools: {
    all(): readonly ManagedPool[]
    /** The longest that stopping them may take. */
    readonly destroyMsMax: number
    /** Finds an open pool by its name, or by that of a plugin that uses it. */
    named(name: string): ManagedPool | undefined
    allNames(): readonly string[]
    reset(name: string): Promise<void>
    resize(name: string, size: number): Promise<void>
  }
  readonly ledger: () => LedgerView
  readonly live: Pick<LiveStateService, 'sample' | 'stack'>
  readonly plugins: () => readonly PluginInfo[]
  readonly recentLines: RecentLines
  readonly pid: number
  readonly version: string
  /** The configuration file, or the working directory. */
  readonly path: string
  /** The configuration in force, with secrets masked. */
  readonly config: () => Promise<object>
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
export function registerServerMethods(rpc: ControlSockets, facts: ServerFacts): void {
  registerRoadRunnerMethods(rpc, facts)
  registerOwnMethods(rpc, facts)
}

function registerRoadRunnerMethods(rpc: ControlSockets, { pools, config }: ServerFacts): void {
  const names = () => pools.all().map((pool) => pool.name)
  const resizeBy = (by: number): AnyProcedure => ({
    audited: true,
    call: async (name: unknown) => {
      const size = pools.named(String(name))?.size ?? 0
      await pools.resize(String(name), size + by)
      return true
    },
  })
  rpc.register('rpc', {
    Version: { call: () => roadRunnerVersion },
    // Bytes in RoadRunner, which its JSON codec writes as base64.
    Config: { call: async () => Buffer.from(JSON.stringify(await config())).toString('base64') },
  })
  rpc.register('informer', {
    // RoadRunner's clients ask it for a plugin, e.g. `jobs`.
    List: { call: () => pools.allNames() },
    Workers: {
      call: async (name: unknown) => {
        const pool = pools.named(String(name))
        return { workers: pool === undefined ? null : (await pool.workers()).map(roadRunnerWorker) }
      },
    },
    // A plugin with queues answers for itself.
    Jobs: { call: (name: unknown, call) => rpc.callPublic(`${String(name)}.InformerJobs`, call) ?? null },
    AddWorker: resizeBy(1),
    RemoveWorker: resizeBy(-1),
  })
  rpc.register('resetter', {
    List: { call: names },
    Reset: {
      audited: true,
      call: async (name: unknown) => {
        if (typeof name !== 'string') throw new Error('rpc: resetter.Reset takes the name of a pool')
        await pools.reset(name)
        return true
      },
    },
  })
}

function registerOwnMethods(rpc: ControlSockets, facts: ServerFacts): void {
  const { pools, ledger, plugins, pid, stop } = facts
  const workers = async () => (await Promise.all(pools.all().map((pool) => pool.workers()))).flat()
  const procedures = [
    serves(Hello, (input, { caller }) => {
      caller.claimed = claimedIdentity(input)
      return { name: 'relayrunner', version: facts.version, pid, path: facts.path }
    }),
    serves(Status, () => statusOf(facts)),
    serves(Workers, async () => (await workers()).map(ownWorker)),
    serves(PoolRows, () => Promise.all(pools.all().map(poolRow))),
    serves(LedgerRows, () => ledgerDocument(ledger())),
    serves(Plugins, () => plugins()),
    serves(Live, (input) => facts.live.sample(seenLines(input))),
    serves(Stack, (input) => facts.live.stack(stackAsked(input))),
    serves(RecentLog, (input) => logLines(facts.recentLines, input)),
    serves(
      Stop,
      () => {
        setImmediate(stop)
        const jobs = pools.all().reduce((sum, pool) => sum + pool.busyCount, 0)
        return { pid, jobs, limit_ms: pools.destroyMsMax }
      },
      { audited: true },
    ),
  ]
  rpc.registerOwn('rr', Object.fromEntries(procedures))
}

/** A procedure of `rr` under its method's name; the answer has to be what its callers expect. */
function serves<I, O>(
  { name }: RemoteProcedure<I, O>,
  call: (input: unknown, call: OwnCall) => O | Promise<O>,
  more: { readonly audited?: true } = {},
): readonly [string, CheckedProcedure<OwnCall>] {
  return [name.slice(name.indexOf('.') + 1), { ...more, call }]
}

/** Values of another type are ignored: the client is then sent everything. */
function seenLines(input: unknown): SeenLines {
  const { line, failure } = objectOf(input)
  return {
    ...(typeof line === 'number' ? { line } : {}),
    ...(typeof failure === 'number' ? { failure } : {}),
  }
}

function stackAsked(input: unknown): { readonly pool: string; readonly pid: number } {
  const { pool, pid } = objectOf(input)
  if (typeof pool !== 'string' || typeof pid !== 'number')
    throw new Error('rpc: rr.Stack takes a pool and a pid')
  return { pool, pid }
}

/** Answers cheaply: commands that wait for a slow method call it repeatedly. */
function statusOf({ pools, pid, isStopping }: ServerFacts): Status {
  const all = pools.all()
  return {
    state: isStopping() ? 'stopping' : 'running',
    pid,
    live: all.reduce((sum, pool) => sum + pool.liveCount, 0),
    idle: all.reduce((sum, pool) => sum + pool.idleCount, 0),
    waiting: all.reduce((sum, pool) => sum + pool.waitingCount, 0),
    stale: all.filter((pool) => pool.isStale).map(({ name }) => name),
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

async function poolRow(pool: ManagedPool): Promise<PoolRow> {
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

function ledgerDocument({ counts, open, ended }: LedgerView): LedgerDocument {
  return { counts: { ...counts }, open: open.map(ledgerRow), ended: ended.map(ledgerRow) }
}

function ledgerRow({ id, acceptedAtMs, assigned, answered, end, reason }: LedgerEntry): LedgerRow {
  const acceptedAt = new Date(acceptedAtMs).toISOString()
  return { id, accepted_at: acceptedAt, assigned, answered, end: end ?? null, reason: reason ?? null }
}

function ownWorker(worker: WorkerInfo): WorkerRow {
  return {
    pool: worker.pool,
    pid: worker.pid,
    thread: worker.thread,
    state: worker.state,
    jobs: worker.jobs,
    running: worker.places > 1 ? worker.running : undefined,
    places: worker.places > 1 ? worker.places : undefined,
    memory_bytes: worker.memoryBytes,
    created_at: new Date(worker.createdAtMs).toISOString(),
  }
}
