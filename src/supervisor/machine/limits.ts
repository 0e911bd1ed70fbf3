/** Reads what the machine and its cgroups (v1 and v2) grant. The arithmetic is in `auto-size.ts`. */
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import type { Grant } from '../../platform/platform.js'
import { cgroupFolders, memoryLimit, readSmallFile, type SystemRoots, systemRoots } from './cgroup.js'

function cgroupCpus(roots: SystemRoots): number {
  const { v2, v1 } = cgroupFolders('cpu', roots)
  const limits = [
    ...v2.map((folder) => (readSmallFile(join(folder, 'cpu.max')) ?? '').split(' ').map(Number)),
    ...v1.map((folder) => [
      Number(readSmallFile(join(folder, 'cpu.cfs_quota_us')) ?? -1),
      Number(readSmallFile(join(folder, 'cpu.cfs_period_us')) ?? 0),
    ]),
  ]
  const cpus = limits.flatMap(([quota = 0, period = 0]) => (quota > 0 && period > 0 ? [quota / period] : []))
  return Math.min(Number.POSITIVE_INFINITY, ...cpus)
}

function cgroupMemoryBytes(roots: SystemRoots): number {
  const { v2, v1 } = cgroupFolders('memory', roots)
  const texts = [
    ...v2.map((folder) => readSmallFile(join(folder, 'memory.max'))),
    ...v1.map((folder) => readSmallFile(join(folder, 'memory.limit_in_bytes'))),
  ]
  return Math.min(Number.POSITIVE_INFINITY, ...texts.map(memoryLimit))
}

/** Descriptors that this process may hold; Infinity where no limit is to be found. */
export function descriptorsMax(roots: SystemRoots = systemRoots): number {
  const limit = /^Max open files\s+(\d+)/m.exec(readSmallFile(join(roots.proc, 'self/limits')) ?? '')?.[1]
  return limit === undefined ? Number.POSITIVE_INFINITY : Number(limit)
}

/** The grant of the machine and its cgroups to this process: one worker a processor. */
export function readGrant(roots: SystemRoots = systemRoots): Grant {
  return {
    cpus: Math.min(availableParallelism(), cgroupCpus(roots)),
    memoryBytes: cgroupMemoryBytes(roots),
    workersPerCpu: 1,
  }
}
