/**
 * How much memory a worker uses, its children included: PSS where the kernel tells it (pages that forks share are divided among
 * them), RSS else. Also what the cgroup allows all of us together. Reads `/proc` and `/sys/fs/cgroup`; decides nothing.
 */
import { readdir, readFile } from 'node:fs/promises'
import type { MemoryBudget } from './retire.js'

const pageBytes = 4096
// A worker that forks without end must not cost us more than this.
const treeSizeMax = 256

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
 * What all of us together may use and use: by the cgroup (v2, then v1), pages that the kernel can drop not counted; where that sets
 * no limit, by `grantBytes` (Lambda's memory size) and the size of this process and its descendants.
 */
export async function readMemoryBudget(grantBytes: number): Promise<MemoryBudget> {
  const budget = await cgroupBudget()
  if (budget.limitBytes <= grantBytes || grantBytes === Number.POSITIVE_INFINITY) return budget
  return { limitBytes: grantBytes, usedBytes: await treeBytes(process.pid) }
}

async function cgroupBudget(): Promise<MemoryBudget> {
  const root = '/sys/fs/cgroup'
  const limit = Number((await read(`${root}/memory.max`)) || 'none')
  if (limit > 0) {
    const used = Number(await read(`${root}/memory.current`))
    return { limitBytes: limit, usedBytes: used - (await inactiveFileBytes(`${root}/memory.stat`)) }
  }
  const old = Number((await read(`${root}/memory/memory.limit_in_bytes`)) || 'none')
  // cgroup v1 says "no limit" with a number near 2^63.
  if (!(old > 0 && old < 2 ** 60)) return { limitBytes: Number.POSITIVE_INFINITY, usedBytes: 0 }
  const used = Number(await read(`${root}/memory/memory.usage_in_bytes`))
  return { limitBytes: old, usedBytes: used - (await inactiveFileBytes(`${root}/memory/memory.stat`)) }
}

async function inactiveFileBytes(path: string): Promise<number> {
  const text = await read(path)
  return Number(/^(?:total_)?inactive_file (\d+)/m.exec(text)?.[1] ?? 0)
}

async function read(path: string): Promise<string> {
  // It has gone, or it is not this kind of system: there is nothing to tell.
  return readFile(path, 'latin1').then(
    (text) => text.trim(),
    () => '',
  )
}
