/**
 * The life of a server as a total table: every state × every event has a cell. Pure. `server-run.ts` is the only file that moves
 * along it; why a server ends is data (`endOf`), never a state.
 */
import { ErrorCode, hasCode } from '../../src/core/errors.js'
import { ExitCode } from '../options.js'

/** State of a server. */
export const LifeState = {
  /** The configuration is read, plugins are loaded and set up. */
  starting: 'starting',
  /** Everything listens, and no pool has finished its first boots. */
  booting: 'booting',
  ready: 'ready',
  /** No worker of a pool could boot, and the next attempt waits for a file change. `rr dev` only. */
  waiting: 'waiting',
  /** Running jobs are answered, then workers and plugins end. */
  stopping: 'stopping',
  /** The start has failed, and what was begun is undone. */
  failing: 'failing',
  /** A second signal came: everything is killed. */
  killing: 'killing',
} as const
export type LifeState = (typeof LifeState)[keyof typeof LifeState]

/**
 * Event in the life of a server. `started`: everything listens; `startFailed`: it cannot; `booted`: the first boots have ended, and not
 * all have failed; `noWorker`: all have, and nothing waits for a change; `held`: a pool without a worker waits for one; `changed`: a
 * file did; `fault`: a plugin or a pool has given up; `uncaught`: an error that nothing caught; `asked`: a signal, or a stop over
 * RPC; `insisted`: a second signal.
 */
export type LifeEvent =
  | 'started'
  | 'startFailed'
  | 'booted'
  | 'noWorker'
  | 'held'
  | 'changed'
  | 'fault'
  | 'uncaught'
  | 'asked'
  | 'insisted'

/** The next state, which may be the same again; `ignore`: nothing happens; `never`: only a bug of ours gets here. */
export type LifeCell = LifeState | 'ignore' | 'never'

/** The whole table. Signals, RPC, plugins and the disk decide when their events come: no `never` there. */
export const lifeTable: Readonly<Record<LifeState, Readonly<Record<LifeEvent, LifeCell>>>> = {
  starting: {
    started: 'booting',
    startFailed: 'failing',
    booted: 'never',
    noWorker: 'never',
    // Pools boot from the moment when their plugin is set up.
    held: 'starting',
    changed: 'starting',
    fault: 'failing',
    uncaught: 'failing',
    asked: 'stopping',
    insisted: 'killing',
  },
  booting: {
    started: 'never',
    startFailed: 'never',
    booted: 'ready',
    noWorker: 'failing',
    held: 'waiting',
    changed: 'booting',
    fault: 'stopping',
    // Nobody is served yet, so it is a fault of the start, which Lambda is to be told of.
    uncaught: 'failing',
    asked: 'stopping',
    insisted: 'killing',
  },
  ready: {
    started: 'never',
    startFailed: 'never',
    // Those of another pool than the one that waited.
    booted: 'ready',
    noWorker: 'never',
    held: 'waiting',
    changed: 'ready',
    fault: 'stopping',
    uncaught: 'stopping',
    asked: 'stopping',
    insisted: 'killing',
  },
  waiting: {
    started: 'never',
    startFailed: 'never',
    booted: 'ready',
    noWorker: 'never',
    held: 'waiting',
    // A pool that still cannot boot says so again.
    changed: 'ready',
    fault: 'stopping',
    uncaught: 'stopping',
    asked: 'stopping',
    insisted: 'killing',
  },
  stopping: {
    started: 'ignore',
    startFailed: 'ignore',
    booted: 'ignore',
    noWorker: 'ignore',
    held: 'ignore',
    changed: 'ignore',
    fault: 'ignore',
    uncaught: 'ignore',
    asked: 'ignore',
    insisted: 'killing',
  },
  failing: {
    started: 'ignore',
    startFailed: 'ignore',
    booted: 'ignore',
    noWorker: 'ignore',
    held: 'ignore',
    changed: 'ignore',
    fault: 'ignore',
    uncaught: 'ignore',
    asked: 'ignore',
    insisted: 'killing',
  },
  killing: {
    started: 'ignore',
    startFailed: 'ignore',
    booted: 'ignore',
    noWorker: 'ignore',
    held: 'ignore',
    changed: 'ignore',
    fault: 'ignore',
    uncaught: 'ignore',
    asked: 'ignore',
    insisted: 'ignore',
  },
}

const configFaults = [
  ErrorCode.ConfigInvalid,
  ErrorCode.ConfigNotFound,
  ErrorCode.NothingToPull,
  ErrorCode.WorkerSettings,
  ErrorCode.DriverPackage,
  ErrorCode.BoltDbFile,
] as const

/** True for a fault that only a change of the configuration, or of how `rr` is started, can mend. */
export function isConfigFault(error: unknown): boolean {
  return configFaults.some((code) => hasCode(error, code))
}

/** The exit code of a server that ends with this event and its error. */
export function exitCodeOf(event: LifeEvent, error: unknown): number {
  if (event === 'asked') return ExitCode.ok
  return isConfigFault(error) ? ExitCode.config : ExitCode.fault
}
