/**
 * Launches a worker with its environment unchanged. The launcher's `sh` drops names that are not identifiers and sets some variables
 * that a script cannot set back (PPID, RANDOM). Where it would change something, `setpriv` of util-linux starts the worker instead:
 * it becomes the program and leaves the environment alone. It cannot register with the watchdog, so until the server has done that,
 * the kernel ends the worker together with the server. A server that is killed between the fork and setpriv's first call, about a
 * millisecond, can leave such a worker behind; so only environments that need it are launched like this.
 */
import { spawnSync } from 'node:child_process'
import { realpathSync } from 'node:fs'
import { basename } from 'node:path'
import type { Identity } from './identity.js'
import { isRestored, type WorkerVariables } from './launcher.js'

const identifier = /^[A-Za-z_][A-Za-z0-9_]*$/
// Variables that dash, busybox and bash set for themselves; a worker may need their values.
const setAnew =
  /^(IFS|OPTIND|OPTARG|OPTERR|PPID|LINENO|PS[0-9]|RANDOM|SECONDS|HISTCMD|HOSTTYPE|MACHTYPE|OSTYPE|SHELLOPTS|BASH.*|E?UID|GROUPS|DIRSTACK|FUNCNAME|MAILCHECK)$/
// Variables with which a shell describes itself: kept where possible; losing them is not worth a warning.
const ownOfBash = new Set(['_'])
const trialTimeoutMs = 10_000

/** Names whose values a launch through `sh` would lose or change, in their order. */
export function namesLostInShell(env: WorkerVariables): readonly string[] {
  return Object.entries(env)
    .filter(([name, value]) => !identifier.test(name) || (setAnew.test(name) && !isRestored(name, value)))
    .map(([name]) => name)
}

/** Returns true when a launch through `sh` would hand on another environment than `env`. */
export function needsExactLaunch(env: WorkerVariables): boolean {
  if (namesLostInShell(env).length > 0) return true
  return isBash() && Object.keys(env).some((name) => ownOfBash.has(name))
}

/** Returns the words before a program that start it with its environment unchanged; undefined where this system has no such tool. */
export function exactWords(identity: Identity | undefined): readonly string[] | undefined {
  const [program, ...switches] = identity?.prefix ?? []
  const setpriv = program ?? findSetpriv()
  if (setpriv === undefined || (program !== undefined && findSetpriv() === undefined)) return undefined
  return [setpriv, '--pdeathsig', 'KILL', ...(switches.length === 0 ? ['--'] : switches)]
}

/** Caches a function's first result. */
function once<T>(ask: () => T): () => T {
  let answer: { readonly value: T } | undefined
  return () => {
    answer ??= { value: ask() }
    return answer.value
  }
}

const isBash = once(() => {
  try {
    return basename(realpathSync('/bin/sh')) === 'bash'
  } catch {
    // No shell at all: the launch reports that.
    return false
  }
})

// Run it to find out: Alpine's setpriv does not have the option.
const findSetpriv = once(() => {
  const options = { encoding: 'utf8', timeout: trialTimeoutMs } as const
  const found = spawnSync('/bin/sh', ['-c', 'command -v setpriv'], options)
  const file = found.status === 0 ? found.stdout.trim() : ''
  if (file === '') return undefined
  const trial = spawnSync(file, ['--pdeathsig', 'KILL', '--', '/bin/sh', '-c', ':'], options)
  return trial.status === 0 ? file : undefined
})
