/** Finds the `rr lambda run` that a server runs under: it freezes its server between events, and ends with `rr stop`. */
import { readFileSync } from 'node:fs'
import { readProcessState } from '../../src/supervisor/machine/process-state.js'

const ancestorsMax = 5

/** The pid of the `rr lambda run` that the process runs under; undefined when there is none. */
export function lambdaRunAbove(pid: number): number | undefined {
  let at = readProcessState(pid)?.parentPid ?? 0
  for (let left = ancestorsMax; left > 0 && at > 1; left -= 1) {
    if (/(^|\0)lambda\0(.*\0)?run(\0|$)/.test(commandLineOf(at))) return at
    at = readProcessState(at)?.parentPid ?? 0
  }
  return undefined
}

function commandLineOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    // It has ended, or we may not see this user's processes.
    return ''
  }
}
