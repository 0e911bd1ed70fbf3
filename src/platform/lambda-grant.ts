/** Computes what Lambda grants a function by its memory. Pure. */
import type { Grant } from './platform.js'

/** Lambda grants a vCPU for so much memory, whatever number of cores is to be seen. */
const bytesPerCpu = 1769 * 2 ** 20

/** The grant of a function of so many MB: two workers a vCPU, as its events wait for others more than they compute. */
export function lambdaGrant(memoryMb: number): Grant {
  const memoryBytes = memoryMb * 2 ** 20
  return { cpus: memoryBytes / bytesPerCpu, memoryBytes, workersPerCpu: 2 }
}
