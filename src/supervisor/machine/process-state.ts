/** Reads from `/proc` whether a process runs, and its start time, which identifies it together with its pid. Decides nothing. */
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'

/** State of a process according to `/proc/PID/stat`. */
export interface ProcessState {
  /** The kernel's letter: R running, S sleeping, D in the disk, T stopped, t traced, Z zombie. */
  readonly letter: string
  readonly parentPid: number
  /** Start time in clock ticks since the boot: distinguishes it from a later process with the same pid. */
  readonly startTicks: number
}

/** The state of a process; undefined when there is none, or no `/proc`. */
export function readProcessState(pid: number): ProcessState | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The program's name stands in parentheses and may hold anything, so fields are counted from the last one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return { letter: fields[0] ?? '?', parentPid: Number(fields[1]), startTicks: Number(fields[19]) }
  } catch {
    // It has ended, or this system has no /proc.
    return undefined
  }
}

// USER_HZ, which is 100 on every Linux that Node runs on.
const msPerTick = 10

/** CPU time that a process has used since it began, in ms; null where it cannot be read. */
export async function cpuMs(pid: number): Promise<number | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) * msPerTick
  } catch {
    // It has ended, or this system has no /proc.
    return null
  }
}

/** True when the process lives; a zombie does not, and neither does a later process with the same pid. */
export function isSameProcess(pid: number, startTicks: number | undefined): boolean {
  const state = readProcessState(pid)
  if (state !== undefined) {
    return state.letter !== 'Z' && (startTicks === undefined || state.startTicks === startTicks)
  }
  if (readProcessState(process.pid) !== undefined) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it lives and belongs to another user.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
