/** Names of workers: a process has its pid, a thread the server's pid and a number of its own. Pure. */

/** Identity of a worker, in log fields, events and lists. */
export interface WorkerId {
  /** Of a thread: the server's own. */
  readonly pid: number
  /** The thread's number, when the worker is one. */
  readonly thread?: number
}
