/** Freezes a process with all its descendants for a while, as Lambda freezes an environment between two events. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'

/** Every process below `pid`, itself included. */
export function treeOf(pid: number): readonly number[] {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    const child = Number(name)
    if (!Number.isInteger(child)) continue
    const parent = parentOf(child)
    if (parent !== undefined) parents.set(child, parent)
  }
  const below = (one: number): readonly number[] => [
    one,
    ...[...parents].flatMap(([child, parent]) => (parent === one ? below(child) : [])),
  ]
  return below(pid)
}

function parentOf(pid: number): number | undefined {
  try {
    // The name in brackets may hold anything; the parent is the second field behind it.
    return Number(
      readFileSync(`/proc/${pid}/stat`, 'latin1')
        .replace(/^.*\) /s, '')
        .split(' ')[1],
    )
  } catch {
    // It has gone meanwhile.
    return undefined
  }
}

/** SIGSTOP to all of them, `seconds` later SIGCONT. */
export async function freeze(pids: readonly number[], seconds: number): Promise<void> {
  const all = pids.join(' ')
  const shell = spawn('sh', ['-c', `kill -STOP ${all}; sleep ${seconds}; kill -CONT ${all}`], {
    stdio: 'inherit',
  })
  const [code] = await once(shell, 'exit')
  if (code !== 0) throw new Error(`not all of ${all} could be frozen`)
}
