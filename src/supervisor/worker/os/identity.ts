/**
 * Resolves the user and group that workers run as: names and numbers → ids, and the way a process gets them. Node's own `uid` drops
 * supplementary groups, so `setpriv` of util-linux sets them; without it only a user who has none can be had.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { ErrorCode, RelayError } from '../../../core/errors.js'

/** A user and group that are not the server's. */
export interface Identity {
  readonly uid: number
  readonly gid: number
  /** Values of USER, LOGNAME and HOME; undefined for a number without an account. */
  readonly account: { readonly name: string; readonly home: string } | undefined
  /** The words before the program that switch to it; empty: the system call at the spawn does. */
  readonly prefix: readonly string[]
}

/** User and group that were asked for, with the surroundings that resolve them. */
export interface IdentityOptions {
  /** `pool` when absent. */
  readonly kind?: 'pool' | 'process' | undefined
  /** Name of the pool, or of the process. */
  readonly pool: string
  readonly user: string | undefined
  readonly group: string | undefined
  /** PATH on which `setpriv` is looked for. */
  readonly path: string
  /** The server's own ids. */
  readonly own: { readonly uid: number; readonly gid: number }
}

interface Account {
  readonly name: string
  readonly uid: number
  readonly gid: number
  readonly home: string
}

const lookupTimeoutMs = 10_000

/**
 * The identity of a pool's workers; undefined when it is the server's own. Throws RR_WORKER_SETTINGS for a user or group
 * that does not exist, without root, and for supplementary groups that cannot be set.
 */
export function resolveIdentity(options: IdentityOptions): Identity | undefined {
  const { own, user, group } = options
  if (user === undefined && group === undefined) return undefined
  const account = accountOf(options, user ?? String(own.uid))
  const uid = account?.uid ?? (user === undefined ? own.uid : Number(user))
  const gid = group === undefined ? account?.gid : groupId(options, group)
  if (gid === undefined) {
    throw fault(
      options,
      `user ${user} has no account here, so its group is not known`,
      'Set `group` as well.',
    )
  }
  if (uid === own.uid && gid === own.gid) return undefined
  if (own.uid !== 0) {
    const what = `only root may start workers as ${uid}:${gid}; this server runs as ${own.uid}:${own.gid}`
    throw fault(options, what, 'Start `rr` as that user, or as root.')
  }
  const home = account && { name: account.name, home: account.home }
  return { uid, gid, account: home, prefix: switchWords(options, { uid, gid, account }) }
}

function accountOf(options: IdentityOptions, user: string): Account | undefined {
  const isNumber = /^\d+$/.test(user)
  const line = lookUp('passwd', user)
  const [name, , uid, gid, , home] = line?.split(':') ?? []
  if (name !== undefined && uid !== undefined && gid !== undefined) {
    return { name, uid: Number(uid), gid: Number(gid), home: home === undefined || home === '' ? '/' : home }
  }
  if (isNumber) return undefined
  throw fault(options, `there is no user "${user}" on this system`, 'Check `user`: a name, or a number.')
}

function groupId(options: IdentityOptions, group: string): number {
  const gid = lookUp('group', group)?.split(':')[2]
  if (gid !== undefined) return Number(gid)
  if (/^\d+$/.test(group)) return Number(group)
  throw fault(options, `there is no group "${group}" on this system`, 'Check `group`: a name, or a number.')
}

/** The line of a name or number: in the file, else from whatever directory service this system asks. */
function lookUp(database: 'passwd' | 'group', key: string): string | undefined {
  return lineOf(database, key) ?? askedLine(database, key)
}

function lineOf(database: 'passwd' | 'group', key: string): string | undefined {
  const at = /^\d+$/.test(key) ? 2 : 0
  let text: string
  try {
    text = readFileSync(`/etc/${database}`, 'utf8')
  } catch {
    return undefined
  }
  return text.split('\n').find((line) => line.split(':')[at] === key)
}

function askedLine(database: string, key: string): string | undefined {
  const run = spawnSync('getent', [database, key], { encoding: 'utf8', timeout: lookupTimeoutMs })
  return run.status === 0 ? run.stdout.split('\n')[0] : undefined
}

/** `setpriv` with all groups of the account; nothing where Node can do it: no `setpriv` here, and no group to lose. */
function switchWords(
  options: IdentityOptions,
  { uid, gid, account }: { uid: number; gid: number; account: Account | undefined },
): readonly string[] {
  const ids = [`--reuid=${uid}`, `--regid=${gid}`]
  const args = [...ids, account === undefined ? '--clear-groups' : '--init-groups', '--']
  const env = { PATH: options.path }
  // Tried for real: Alpine's setpriv knows none of these options, and a container may forbid the system calls.
  const found = spawnSync('/bin/sh', ['-c', 'command -v setpriv'], {
    env,
    encoding: 'utf8',
    timeout: lookupTimeoutMs,
  })
  const program = found.status === 0 ? found.stdout.trim() : undefined
  const trial =
    program &&
    spawnSync(program, [...args, '/bin/sh', '-c', ':'], { encoding: 'utf8', timeout: lookupTimeoutMs })
  if (program && trial && trial.status === 0) return [program, ...args]
  const others = account === undefined ? [] : supplementaryGroups(account.name, gid)
  const isForbidden = trial ? !/option|usage/i.test(trial.stderr) : false
  if (others !== undefined && others.length === 0 && !isForbidden) return []
  const why = trial
    ? `setpriv failed: ${trial.stderr.trim().split('\n')[0]}`
    : `there is no setpriv on PATH (${options.path})`
  if (isForbidden) throw fault(options, why, 'This container may lack CAP_SETUID and CAP_SETGID.')
  const which = others === undefined ? 'groups that cannot be read' : `the groups ${others.join(', ')}`
  throw fault(
    options,
    `user ${account?.name} has ${which} beside ${gid}, and ${why}`,
    'Install the package util-linux (apk add setpriv on Alpine): without it those groups would be lost.',
  )
}

/** Numbers of the groups beside `gid`; undefined when nobody can say. */
function supplementaryGroups(name: string, gid: number): readonly number[] | undefined {
  const run = spawnSync('id', ['-G', name], { encoding: 'utf8', timeout: lookupTimeoutMs })
  if (run.status !== 0) return undefined
  return run.stdout
    .trim()
    .split(/\s+/)
    .map(Number)
    .filter((one) => one !== gid)
}

function fault(
  { kind = 'pool', pool, user, group }: IdentityOptions,
  what: string,
  hint: string,
): RelayError {
  const asked = [user && `user: ${user}`, group && `group: ${group}`].filter((one) => one !== undefined)
  return new RelayError(ErrorCode.WorkerSettings, `${kind} "${pool}" (${asked.join(', ')}): ${what}`, {
    hint,
  })
}
