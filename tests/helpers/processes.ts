/** The process table, read from /proc: who is whose child, what it is, and whether it is only waiting to be reaped. */
import { readdirSync, readFileSync } from 'node:fs'

/** The numbers of all processes, zombies included. */
export function processes(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
}

/** The children of a process, zombies included. */
export function childrenOf(pid: number): number[] {
  return processes().filter((one) => statFields(one)[1] === String(pid))
}

/** R, S, D, T, Z…; undefined when it has gone. */
export function stateOf(pid: number): string | undefined {
  return statFields(pid)[0]
}

/** Returns false once it has ended, also while a slow process 1 has not reaped it yet. */
export function isRunning(pid: number): boolean {
  const state = stateOf(pid)
  return state !== undefined && state !== 'Z'
}

/** Its words, with blanks between them; empty when it has gone. */
export function commandOf(pid: number): string {
  return contentOf(pid, 'cmdline').replaceAll('\0', ' ')
}

/** Sends a signal to a process that may have ended meanwhile. */
export function signalIfAlive(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // ESRCH: it has ended by itself.
  }
}

/** Lists processes that were started with this `NAME=value` in their environment; never zombies, which have none. */
export function withVariable(pair: string): number[] {
  return processes().filter((pid) => contentOf(pid, 'environ').split('\0').includes(pair))
}

function statFields(pid: number): string[] {
  const stat = contentOf(pid, 'stat')
  return stat === '' ? [] : stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

function contentOf(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1')
  } catch {
    return ''
  }
}
