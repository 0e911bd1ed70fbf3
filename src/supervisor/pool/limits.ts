/** Reads what the machine, its cgroup (v1 and v2) or Lambda grants. The arithmetic is in `auto-size.ts`. */
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import type { Grant } from './auto-size.js'

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1').trim()
  } catch {
    // Not this kind of cgroup, or not Linux: the next place is asked.
    return undefined
  }
}

function cgroupCpus(): number {
  const [quota, period] = (read('/sys/fs/cgroup/cpu.max') ?? '').split(' ').map(Number)
  if (quota !== undefined && period !== undefined && quota > 0) return quota / period
  const oldQuota = Number(read('/sys/fs/cgroup/cpu/cpu.cfs_quota_us') ?? -1)
  const oldPeriod = Number(read('/sys/fs/cgroup/cpu/cpu.cfs_period_us') ?? 0)
  return oldQuota > 0 && oldPeriod > 0 ? oldQuota / oldPeriod : Number.POSITIVE_INFINITY
}

function cgroupMemoryBytes(): number {
  const text = read('/sys/fs/cgroup/memory.max') ?? read('/sys/fs/cgroup/memory/memory.limit_in_bytes')
  const bytes = Number(text)
  // cgroup v1 says "no limit" with a number near 2^63; v2 with the word max.
  return text === undefined || !(bytes > 0 && bytes < 2 ** 60) ? Number.POSITIVE_INFINITY : bytes
}

/** Descriptors that this process may hold; Infinity where nobody says. Lambda grants 1,024 to all processes of an environment. */
export function descriptorsMax(): number {
  const limit = /^Max open files\s+(\d+)/m.exec(read('/proc/self/limits') ?? '')?.[1]
  return limit === undefined ? Number.POSITIVE_INFINITY : Number(limit)
}

/** What this process was granted; Lambda's memory size is in AWS_LAMBDA_FUNCTION_MEMORY_SIZE, in MB. */
export function readGrant(env: Readonly<Record<string, string | undefined>>): Grant {
  const lambdaMegabytes = Number(env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE ?? 0)
  const isLambda = lambdaMegabytes > 0
  return {
    cpus: Math.min(availableParallelism(), cgroupCpus()),
    memoryBytes: isLambda ? lambdaMegabytes * 2 ** 20 : cgroupMemoryBytes(),
    isLambda,
  }
}
