/**
 * Finds the processes of an environment in /proc: those below its first one, in any group, and those with its mark among
 * their variables, with any parent. Without /proc only the first one's group is known.
 */
import { readdirSync, readFileSync } from 'node:fs'

/** One process of the machine. */
export interface ProcessFacts {
  readonly pid: number
  readonly parent: number
  readonly group: number
}

/** All processes; empty without /proc. */
export function readProcesses(): readonly ProcessFacts[] {
  return pids().flatMap((pid) => {
    const text = read(`/proc/${pid}/stat`)
    // The name in brackets may hold anything, brackets too.
    const [, parent, group] = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number)
    return parent === undefined || group === undefined ? [] : [{ pid, parent, group }]
  })
}

/** The groups of `root` and everything below it; its own group comes first. */
export function groupsBelow(root: number, processes: readonly ProcessFacts[]): readonly number[] {
  const below = new Set([root])
  const groups = new Set([root])
  for (let size = 0; size !== below.size; ) {
    size = below.size
    for (const { pid, parent, group } of processes) {
      if (!below.has(parent) || below.has(pid)) continue
      below.add(pid)
      groups.add(group)
    }
  }
  return [...groups]
}

/** The processes with this `NAME=value` among their variables. */
export function markedProcesses(mark: string): readonly number[] {
  return pids().filter((pid) => read(`/proc/${pid}/environ`).split('\0').includes(mark))
}

/** Sends a signal to a group; does nothing when it has ended. */
export function signalGroup(group: number, signal: NodeJS.Signals): void {
  signalPid(-group, signal)
}

/** Sends a signal to a process; does nothing when it has ended or belongs to another user. */
export function signalPid(pid: number, signal: NodeJS.Signals): void {
  // 0 and 1 mean our own group, or every process.
  if (Math.abs(pid) <= 1) return
  try {
    process.kill(pid, signal)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code !== 'ESRCH' && code !== 'EPERM') throw error
  }
}

function pids(): readonly number[] {
  try {
    return readdirSync('/proc').map(Number).filter(Number.isInteger)
  } catch {
    // Not every system has it.
    return []
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    // The process has ended, or belongs to another user.
    return ''
  }
}
