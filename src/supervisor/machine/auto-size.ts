/** Computes how many workers `num_workers: auto` means, and what workers cost. Pure; `limits.ts` reads the machine. */
import type { Grant } from '../../platform/platform.js'

const descriptorsOfServer = 64
const descriptorsPerWorker = 4

/** Descriptors that a server with so many workers holds at most: the pipes of each, and its own. */
export function descriptorsFor(workers: number): number {
  return workers * descriptorsPerWorker + descriptorsOfServer
}

const serverBytes = 150 * 2 ** 20
const workerBytes = 64 * 2 ** 20

/**
 * Computes the number of workers: as many as the processors are for, but never more than fit into memory at 64 MB each beside 150 MB for the server; at
 * least one.
 */
export function autoSize({ cpus, memoryBytes, workersPerCpu }: Grant): number {
  const byCpu = workersPerCpu * Math.max(1, Math.ceil(cpus))
  const byMemory = Math.floor((memoryBytes - serverBytes) / workerBytes)
  return Math.max(1, Math.min(byCpu, byMemory))
}
