/** Reads what the machine, its cgroups (v1 and v2) or Lambda grants. The arithmetic is in `auto-size.ts`. */
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import type { Grant } from './auto-size.js'
import { cgroupFolders, memoryLimit, readText, type SystemRoots, systemRoots } from './cgroup.js'

function cgroupCpus(roots: SystemRoots): number {
  const { v2, v1 } = cgroupFolders('cpu', roots)
  const limits = [
    ...v2.map((folder) => (readText(join(folder, 'cpu.max')) ?? '').split(' ').map(Number)),
    ...v1.map((folder) => [
      Number(readText(join(folder, 'cpu.cfs_quota_us')) ?? -1),
      Number(readText(join(folder, 'cpu.cfs_period_us')) ?? 0),
    ]),
  ]
  const cpus = limits.flatMap(([quota = 0, period = 0]) => (quota > 0 && period > 0 ? [quota / period] : []))
  return Math.min(Number.POSITIVE_INFINITY, ...cpus)
}

function cgroupMemoryBytes(roots: SystemRoots): number {
  const { v2, v1 } = cgroupFolders('memory', roots)
  const texts = [
    ...v2.map((folder) => readText(join(folder, 'memory.max'))),
    ...v1.map((folder) => readText(join(folder, 'memory.limit_in_bytes'))),
  ]
  return Math.min(Number.POSITIVE_INFINITY, ...texts.map(memoryLimit))
}

/** Descriptors that this process may hold; Infinity where nobody says. Lambda grants 1,024 to all processes of an environment. */
export function descriptorsMax(roots: SystemRoots = systemRoots): number {
  const limit = /^Max open files\s+(\d+)/m.exec(readText(join(roots.proc, 'self/limits')) ?? '')?.[1]
  return limit === undefined ? Number.POSITIVE_INFINITY : Number(limit)
}

/** What this process was granted; Lambda's memory size is in AWS_LAMBDA_FUNCTION_MEMORY_SIZE, in MB. */
export function readGrant(
  env: Readonly<Record<string, string | undefined>>,
  roots: SystemRoots = systemRoots,
): Grant {
  const lambdaMegabytes = Number(env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE ?? 0)
  const isLambda = lambdaMegabytes > 0
  return {
    cpus: Math.min(availableParallelism(), cgroupCpus(roots)),
    memoryBytes: isLambda ? lambdaMegabytes * 2 ** 20 : cgroupMemoryBytes(roots),
    isLambda,
  }
}
