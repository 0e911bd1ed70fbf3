/** Names of workers: a process has its pid, a thread the server's pid and a number of its own. Pure. */

/** Identity of a worker, in log fields, events and lists. */
export interface WorkerId {
  /** Process id; the server's own for a thread. */
  readonly pid: number
  /** The thread's number, when the worker is one. */
  readonly thread?: number
}

/** Returns the number that no other worker of the pool has: the pid, or the number of a thread. */
export function numberOf({ pid, thread }: WorkerId): number {
  return thread ?? pid
}

/** Returns the worker's name in messages, e.g. `worker 4711` or `thread 3`. */
export function labelOf({ pid, thread }: WorkerId): string {
  return thread === undefined ? `worker ${pid}` : `thread ${thread}`
}
