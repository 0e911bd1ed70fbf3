/**
 * The services that the host makes and owns, as typed keys for `needs`. Built-in plugins use only these, as plugins from npm
 * do.
 */
import type { Undo } from '../core/abort.js'
import type { Clock } from '../core/clock.js'
import type { Logger } from '../logging/logger.js'
import type { LedgerService } from './ledger.js'
import type { LiveStateService } from './live/live-state.js'
import { serviceKey } from './plugins/keys.js'
import type { PoolEvent, PoolListener } from './pool/events.js'
import type { PoolConfig } from './pool/keys.js'
import type { Pool } from './pool/pool.js'
import type { ProcessesService } from './processes/processes.js'
import type { RpcService } from './rpc/procedure.js'

/** Options with which a plugin opens a pool. */
export interface OpenPool {
  /** RR_MODE of the workers, e.g. `http`. */
  readonly mode: string
  /** The name of a pool of one's own; ignored when `pool` is the name of a shared one. */
  readonly name: string
  /** Number of workers that boot first; the others follow when one of them fails, or after `Pool.bootRest`. Absent: all at once. */
  readonly bootFirst?: number
}

/** State of one pool. The counts of a pool that is not open are 0. */
export interface PoolState {
  readonly name: string
  /** Names of the plugins that use it, in the order in which they opened it. */
  readonly plugins: readonly string[]
  /** False while a pool of `pools:` has no workers, because nobody has opened it yet. */
  readonly isOpen: boolean
  /** Number of workers that are idle or busy. */
  readonly liveCount: number
  /** Number of callers that wait for a worker. */
  readonly waitingCount: number
  /** True when workers die faster than `crash_loop` allows. */
  readonly isDegraded: boolean
}

/** The pools of this server. */
export interface PoolsService {
  /**
   * A pool of one's own by its keys, or a shared one by its name. Its workers start to boot at once. Throws RR_POOL_MODE when another
   * plugin opened the shared one with another mode.
   */
  open(pool: PoolConfig | string, options: OpenPool): Pool
  /**
   * Returns an open pool by its name and boots nothing; undefined for one of `pools:` that nobody has opened yet (the server opens those that
   * are left after the set-up of all plugins). Throws RR_POOL_UNKNOWN with the names that exist.
   */
  get(name: string): Pool | undefined
  /** Names of the open pools and of those in `pools:`. */
  names(): readonly string[]
  /** Lists the state of each of them; boots nothing. */
  list(): readonly PoolState[]
  /**
   * Calls `listener` for each event of this name in any pool, also in those that open later. Listeners run synchronously, so they must be
   * quick. The returned function ends it; so does the stop of the plugin.
   */
  on<E extends PoolEvent>(event: E, listener: PoolListener<E>): Undo
  /** Replaces the workers of one pool, one after the other. */
  reset(name: string): Promise<void>
  /**
   * Gives an open pool this number of workers until the server ends; a `dynamic_allocator` counts from there. New workers boot meanwhile, and
   * busy ones above that number leave after their job. Rejects with RR_POOL_UNKNOWN, RR_POOL_SIZE or RR_POOL_STOPPED.
   */
  resize(name: string, size: number): Promise<void>
}

/** The pools of the server. */
export const Pools = serviceKey<PoolsService>('pools')

/** Plain processes beside the workers. */
export const Processes = serviceKey<ProcessesService>('processes')

/** The procedures that clients may call. */
export const Rpc = serviceKey<RpcService>('rpc')

/** Log of the server and its workers. */
export interface LogService extends Logger {
  /** True when every line so far has been written: there is nothing to flush. */
  readonly isWritten: boolean
  /** Called between two events: resolves when the lines so far have been written, or after 50 ms. Never rejects. */
  flush(): Promise<void>
}

/** The log. */
export const Log = serviceKey<LogService>('log')

/** Ledger of accepted work that is not acknowledged yet; a job's tag `requestId` names its entry. */
export const Ledger = serviceKey<LedgerService>('ledger')

/** The server's clock. */
export const ClockKey = serviceKey<Clock>('clock')

/** Tells whether the server can take work. */
export interface ReadinessService {
  /**
   * Resolves with what the server waits for: `pool NAME` (no worker lives), `plugin NAME` (its `ready` is not true), `stop` (it
   * stops). Empty: it is ready. Takes 1 s at most.
   */
  waitsFor(): Promise<readonly string[]>
}

/** Readiness of the server and its plugins. */
export const Readiness = serviceKey<ReadinessService>('readiness')

/** Live state of the server, its pools, workers and queues. */
export const LiveStateKey = serviceKey<LiveStateService>('live-state')

/** The services that every server has, whatever its plugins. */
export const hostServices = [Pools, Processes, Rpc, Log, ClockKey, Ledger, LiveStateKey, Readiness] as const
