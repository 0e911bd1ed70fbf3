/** Settings of the processes of one pool: its own keys over those of `server:`, checked against this system. */
import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { ErrorCode, RelayError } from '../../../core/errors.js'
import type { Logger } from '../../../logging/logger.js'
import { resolveIdentity } from '../../worker/os/identity.js'
import type { LaunchSettings } from '../../worker/os/launcher.js'
import type { PoolConfig } from '../keys.js'
import { type ProcessKeys, processProperties, type ServerSettings } from '../process-keys.js'

/** The settings of one pool. */
export interface ProcessSettings {
  readonly launch: LaunchSettings
  readonly cwd: string
  readonly envAllow: readonly string[] | undefined
}

/** Sections and surroundings that the settings come from. */
export interface ProcessSources {
  /** `pool` when absent; a plain process takes the same keys. */
  readonly kind?: 'pool' | 'process'
  readonly pool: ProcessKeys
  readonly server: ServerSettings
  /** Folder that a relative `cwd` refers to. */
  readonly folder: string
  /** Environment of the server, on whose PATH `setpriv` is looked for. */
  readonly env: Readonly<Record<string, string | undefined>>
}

const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/**
 * Resolves the settings. Throws RR_WORKER_SETTINGS for a user, group or folder that does not exist or cannot be used.
 */
export function processSettings(
  name: string,
  { kind = 'pool', pool, server, folder, env }: ProcessSources,
): ProcessSettings {
  const identity = resolveIdentity({
    kind,
    pool: name,
    user: pool.user ?? server.user,
    // The group goes with the user: that of another user would be a surprise.
    group: pool.group ?? (pool.user === undefined ? server.group : undefined),
    path: env.PATH ?? defaultPath,
    own: { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 },
  })
  const oomScoreAdj = pool.oom_score_adj ?? server.oom_score_adj
  return {
    launch: { umask: pool.umask ?? server.umask, oomScoreAdj, identity },
    cwd: workingFolder(`${kind} "${name}"`, folder, pool.cwd ?? server.cwd),
    envAllow: pool.env_allow ?? server.env_allow,
  }
}

function workingFolder(owner: string, folder: string, cwd: string | undefined): string {
  if (cwd === undefined) return folder
  const path = resolve(folder, cwd)
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return path
  throw new RelayError(ErrorCode.WorkerSettings, `${owner} (cwd: ${cwd}): there is no folder ${path}`, {
    hint: 'It counts from the working directory (-w, else the folder of the config file).',
  })
}

/** Makes the fault of a pool of threads that sets a key of processes, which could have no effect; undefined when it sets none. */
export function processFault(name: string, config: PoolConfig): RelayError | undefined {
  const values: Readonly<Record<string, unknown>> = config
  const keys = Object.keys(processProperties).filter((key) => values[key] !== undefined)
  const [key] = Object.keys(config.env).length > 0 ? [...keys, 'env'] : keys
  if (key === undefined) return undefined
  const what = `pool "${name}" has runtime: thread, and "${key}" is for processes: threads share those of the server`
  return new RelayError(ErrorCode.WorkerSettings, what, { hint: `Remove ${key}, or use runtime: process.` })
}

/** Says that workers of another user cannot reach the workers' socket, which is in a folder of ours alone. */
export function tellUnreachable(
  pool: string,
  { launch }: ProcessSettings,
  { log, rpcAddress }: { readonly log: Logger; readonly rpcAddress: () => string },
): void {
  if (launch.identity === undefined || !rpcAddress().startsWith('unix:')) return
  const { uid, gid } = launch.identity
  const text = 'these workers cannot reach RR_RPC: for that set rpc.listen to a TCP address'
  log.info({ pool, uid, gid }, text)
}
