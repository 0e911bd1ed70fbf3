/**
 * The words that start a worker through `sh`: it registers with the watchdogs, sets what only a process can set for
 * itself, and becomes the worker with the same pid. The text is fixed and the user's words are arguments: no shell
 * interprets them.
 */
import type { Identity } from './identity.js'

/** What is set between the spawn and the worker's first instruction. */
export interface LaunchSettings {
  /** Octal digits. */
  readonly umask?: string | undefined
  readonly oomScoreAdj?: number | undefined
  /** Whom it runs as; undefined: the server's own user and groups. */
  readonly identity?: Identity | undefined
}

// The writes are in a subshell that is deaf to SIGPIPE: a plain echo would kill the launcher when a watchdog has died.
// A closed descriptor, or one that is not there, is no fault; a subshell that was killed may not have registered, and is.
// `/proc/self` is this shell: an echo is no process.
const launcherScript = `(trap '' PIPE; echo "+$$" >&3; echo "+$$" >&4; :) 2>/dev/null || exit 126
exec 3>&- 4>&-
[ -z "$1" ] || umask "$1" || exit 126
if [ -n "$2" ] && ! { echo "$2" >/proc/self/oom_score_adj; } 2>/dev/null; then
  echo "oom_score_adj $2 was refused; here it is $(cat /proc/self/oom_score_adj); lowering it needs CAP_SYS_RESOURCE" >&2
  exit 126
fi
shift 2
exec "$@"`

/** The file and arguments of the launcher for a program and its arguments; the descriptors 3 and 4 are the watchdogs'. */
export function launcherWords(
  words: readonly string[],
  { umask, oomScoreAdj, identity }: LaunchSettings,
): { readonly file: string; readonly args: string[] } {
  const options = [umask ?? '', oomScoreAdj === undefined ? '' : String(oomScoreAdj)]
  const program = [...(identity?.prefix ?? []), ...words]
  return { file: '/bin/sh', args: ['-c', launcherScript, 'relayrunner-launcher', ...options, ...program] }
}
