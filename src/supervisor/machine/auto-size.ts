/** How many workers `num_workers: auto` means, and what workers cost. Pure; `limits.ts` reads the machine. */

/** What the machine, the container or the function grants. */
export interface Grant {
  /** Processors by the cgroup's quota, or the machine's count. May be a fraction. */
  readonly cpus: number
  /** Bytes of memory by the cgroup or the function's size; Infinity when unlimited. */
  readonly memoryBytes: number
  /** Lambda grants a vCPU per 1,769 MB, whatever number of cores is to be seen. */
  readonly isLambda: boolean
}

const descriptorsOfServer = 64
const descriptorsPerWorker = 4

/** Descriptors that a server with so many workers holds at most: the pipes of each, and its own. */
export function descriptorsFor(workers: number): number {
  return workers * descriptorsPerWorker + descriptorsOfServer
}

const serverBytes = 150 * 2 ** 20
const workerBytes = 64 * 2 ** 20
const lambdaBytesPerCpu = 1769 * 2 ** 20

/**
 * One worker a processor; in Lambda two a vCPU, as its events wait for others more than they compute; never more than
 * fit into memory at 64 MB each beside 150 MB for the server; at least one.
 */
export function autoSize(grant: Grant): number {
  const byCpu = grant.isLambda
    ? 2 * Math.max(1, Math.ceil(grant.memoryBytes / lambdaBytesPerCpu))
    : Math.max(1, Math.ceil(grant.cpus))
  const byMemory = Math.floor((grant.memoryBytes - serverBytes) / workerBytes)
  return Math.max(1, Math.min(byCpu, byMemory))
}
