/**
 * Reads how much memory a worker uses, its children included: PSS where the kernel provides it (pages that forks share are
 * divided among them), RSS else. Also reads what the cgroup allows all processes together. Decides nothing.
 */
import { readdir, readFile } from 'node:fs/promises'
import { cgroupFolders, memoryLimit, type SystemRoots, systemRoots } from './cgroup.js'

const pageBytes = 4096
// A worker that forks without end must not cost us more than this.
const treeSizeMax = 256

/** Memory that all processes together may use, and use. */
export interface MemoryBudget {
  /** Infinity where nothing limits it. */
  readonly limitBytes: number
  readonly usedBytes: number
}

/** Bytes of `pid` and its descendants; 0 where it cannot be read (it has gone, or there is no `/proc`). */
export async function treeBytes(pid: number): Promise<number> {
  const tree = await descendants(pid)
  const sizes = await Promise.all(tree.map(processBytes))
  return sizes.reduce((sum, bytes) => sum + bytes, 0)
}

/** `pid` first, then its children, theirs, and so on. */
async function descendants(pid: number): Promise<readonly number[]> {
  const found = [pid]
  for (let at = 0; at < found.length && found.length < treeSizeMax; at += 1) {
    const parent = found[at]
    if (parent !== undefined) found.push(...(await childrenOf(parent)))
  }
  return found.slice(0, treeSizeMax)
}

/** A child belongs to the thread that forked it. */
async function childrenOf(pid: number): Promise<readonly number[]> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => [])
  const lists = await Promise.all(threads.map((thread) => read(`/proc/${pid}/task/${thread}/children`)))
  return lists
    .join(' ')
    .split(' ')
    .map(Number)
    .filter((child) => child > 0)
}

async function processBytes(pid: number): Promise<number> {
  const rollup = await read(`/proc/${pid}/smaps_rollup`)
  const kilobytes = Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0)
  if (kilobytes > 0) return kilobytes * 1024
  // Of another user, or an old kernel.
  return Number((await read(`/proc/${pid}/statm`)).split(' ')[1] ?? 0) * pageBytes
}

/**
 * Reads the budget of all processes together from the cgroup that has the least left (v2, then v1); pages that the kernel can drop
 * do not count. Where `grantBytes` is less, that and the size of this process and its descendants are the budget.
 */
export async function readMemoryBudget(grantBytes: number, roots = systemRoots): Promise<MemoryBudget> {
  const budget = await cgroupBudget(roots)
  if (budget.limitBytes <= grantBytes || grantBytes === Number.POSITIVE_INFINITY) return budget
  return { limitBytes: grantBytes, usedBytes: await treeBytes(process.pid) }
}

async function cgroupBudget(roots: SystemRoots): Promise<MemoryBudget> {
  const { v2, v1 } = cgroupFolders('memory', roots)
  const budgets = await Promise.all([
    ...v2.map((folder) => budgetOf(folder, 'memory.max', 'memory.current')),
    ...v1.map((folder) => budgetOf(folder, 'memory.limit_in_bytes', 'memory.usage_in_bytes')),
  ])
  const unlimited: MemoryBudget = { limitBytes: Number.POSITIVE_INFINITY, usedBytes: 0 }
  const left = ({ limitBytes, usedBytes }: MemoryBudget) => limitBytes - usedBytes
  return budgets.reduce((least, one) => (left(one) < left(least) ? one : least), unlimited)
}

async function budgetOf(folder: string, limit: string, usage: string): Promise<MemoryBudget> {
  const limitBytes = memoryLimit(await read(`${folder}/${limit}`))
  if (limitBytes === Number.POSITIVE_INFINITY) return { limitBytes, usedBytes: 0 }
  const [used, stat] = await Promise.all([read(`${folder}/${usage}`), read(`${folder}/memory.stat`)])
  const droppable = Number(
    /^total_inactive_file (\d+)/m.exec(stat)?.[1] ?? /^inactive_file (\d+)/m.exec(stat)?.[1] ?? 0,
  )
  return { limitBytes, usedBytes: Math.max(0, Number(used) - droppable) }
}

async function read(path: string): Promise<string> {
  // The process has ended, or this system has no such file: nothing is known.
  return readFile(path, 'latin1').then(
    (text) => text.trim(),
    () => '',
  )
}
