/**
 * The words that start a worker through `sh`: it registers with the watchdogs, sets what only a process can set for
 * itself, and becomes the worker with the same pid. The text is fixed and the user's words are arguments: no shell
 * interprets them.
 */
import type { Identity } from './identity.js'

/** Settings that are applied between the spawn and the worker's first instruction. */
export interface LaunchSettings {
  /** Octal digits. */
  readonly umask?: string | undefined
  readonly oomScoreAdj?: number | undefined
  /** User and groups that it runs as; undefined: the server's own. */
  readonly identity?: Identity | undefined
}

// The writes are in a subshell that is deaf to SIGPIPE: a plain echo would kill the launcher when a watchdog has died.
// A closed descriptor, or one that is not there, is not a fault; a subshell that was killed may not have registered, and is.
// `/proc/self` is this shell: an echo is not a process.
const launcherScript = `(trap '' PIPE; echo "+$$" >&3; echo "+$$" >&4; :) 2>/dev/null || exit 126
exec 3>&- 4>&-
[ -z "$1" ] || umask "$1" || exit 126
if [ -n "$2" ] && ! { echo "$2" >/proc/self/oom_score_adj; } 2>/dev/null; then
  echo "oom_score_adj $2 was refused; here it is $(cat /proc/self/oom_score_adj); lowering it needs CAP_SYS_RESOURCE" >&2
  exit 126
fi
shift 2
`

// Variables that a shell sets anew at its start and lets a script set back.
const resettable = ['PWD', 'OLDPWD', 'IFS', 'OPTIND', 'PS1', 'PS2', 'PS4', 'SHLVL'] as const
const carrier = 'RELAYRUNNER_CARRIED_'

/** Environment variables of a worker. */
export type WorkerVariables = Readonly<Record<string, string>>

/** Returns true when the launcher can pass on the variable `name` although a shell sets it anew. */
export function isRestored(name: string, value: string): boolean {
  // A shell refuses any other text there.
  if (name === 'OPTIND') return /^[1-9]\d{0,5}$/.test(value)
  return resettable.some((one) => one === name)
}

/** Variables that a shell in the folder `cwd` would change, under names that it leaves alone. */
function carried(env: WorkerVariables, cwd: string): WorkerVariables {
  const names = resettable.filter((name) => {
    const value = env[name]
    return value !== undefined && isRestored(name, value) && !(name === 'PWD' && value === cwd)
  })
  return Object.fromEntries(names.map((name) => [carrier + name, env[name] ?? '']))
}

/** A line of the script; the name is one of ours, and an assignment splits and expands nothing. */
function restoring(name: string): string {
  const from = carrier + name
  return `${name}=$${from}; export ${name}; unset ${from}\n`
}

/** The program, its settings, environment and folder. */
export interface LaunchPlan {
  readonly words: readonly string[]
  readonly settings: LaunchSettings
  readonly env: WorkerVariables
  readonly cwd: string
}

/** The launcher's file, arguments and environment for a program; the descriptors 3 and 4 are the watchdogs'. */
export function launcherOf({ words, settings, env, cwd }: LaunchPlan): {
  readonly file: string
  readonly args: string[]
  readonly env: WorkerVariables
} {
  const { umask, oomScoreAdj, identity } = settings
  const options = [umask ?? '', oomScoreAdj === undefined ? '' : String(oomScoreAdj)]
  const program = [...(identity?.prefix ?? []), ...words]
  const more = carried(env, cwd)
  const restore = Object.keys(more).map((name) => restoring(name.slice(carrier.length)))
  const script = `${launcherScript}${restore.join('')}exec "$@"`
  return {
    file: '/bin/sh',
    args: ['-c', script, 'relayrunner-launcher', ...options, ...program],
    env: { ...env, ...more },
  }
}
