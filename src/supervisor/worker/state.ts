/**
 * A worker's life as a total table: every state × every event has a cell. Pure. `worker.ts` is the only one that moves
 * along it; why it moves is data (`RetireReason`, `KillReason`), never a state.
 */

/** State of a worker. */
export const WorkerState = {
  spawning: 'spawning',
  idle: 'idle',
  busy: 'busy',
  draining: 'draining',
  stopping: 'stopping',
  killing: 'killing',
  exited: 'exited',
} as const
export type WorkerState = (typeof WorkerState)[keyof typeof WorkerState]

/**
 * Event in the life of a worker. `ready`: it answered the PID request; `assign`: a job is sent; `settle`: the job has an
 * outcome and the worker is fit; `retire`: it shall leave when it is free; `kill`: it shall go now, by force
 * the second time at the latest; `exit`: it is gone.
 */
export type WorkerEvent = 'ready' | 'assign' | 'settle' | 'retire' | 'kill' | 'exit'

/** The next state; `ignore`: nothing happens; `never`: only a bug of ours gets here (a peer cannot). */
export type Cell = WorkerState | 'ignore' | 'never'

/**
 * Reason to retire a worker once it is free. `leave` and `self_stop` come from the worker; `wrong_job`: it answered for another job;
 * `uncancelled`: one of its jobs did not end in time, and others run. */
export type RetireReason =
  | 'max_jobs'
  | 'leave'
  | 'wrong_job'
  | 'ttl'
  | 'idle_ttl'
  | 'max_memory'
  | 'reset'
  | 'shrink'
  | 'shutdown'
  | 'self_stop'
  | 'quarantine'
  | 'uncancelled'

/** Reason to kill a worker. `ended`: it ends by itself; `relay_lost`: it closed its relay and did not end. */
export type KillReason =
  | 'ended'
  | 'stream_timeout'
  | 'boot_timeout'
  | 'boot_failed'
  | 'exec_ttl'
  | 'deadline'
  | 'aborted'
  | 'stop_timeout'
  | 'bad_frame'
  | 'relay_lost'
  | 'forced'

/** The whole machine. A peer's bytes reach `ready` and, through an outcome, `settle` and `kill`: no `never` there. */
export const transitions: Readonly<Record<WorkerState, Readonly<Record<WorkerEvent, Cell>>>> = {
  // biome-ignore format: a table is read in columns
  spawning: { ready: 'idle',   assign: 'never', settle: 'never',    retire: 'stopping', kill: 'killing', exit: 'exited' },
  // biome-ignore format: a table is read in columns
  idle:     { ready: 'ignore', assign: 'busy',  settle: 'never',    retire: 'stopping', kill: 'killing', exit: 'exited' },
  // biome-ignore format: a table is read in columns
  busy:     { ready: 'ignore', assign: 'never', settle: 'idle',     retire: 'draining', kill: 'killing', exit: 'exited' },
  // biome-ignore format: a table is read in columns
  draining: { ready: 'ignore', assign: 'never', settle: 'stopping', retire: 'ignore',   kill: 'killing', exit: 'exited' },
  // biome-ignore format: a table is read in columns
  stopping: { ready: 'ignore', assign: 'never', settle: 'never',    retire: 'ignore',   kill: 'killing', exit: 'exited' },
  // biome-ignore format: a table is read in columns
  killing:  { ready: 'ignore', assign: 'never', settle: 'ignore',   retire: 'ignore',   kill: 'killing', exit: 'exited' },
  // biome-ignore format: a table is read in columns
  exited:   { ready: 'ignore', assign: 'never', settle: 'ignore',   retire: 'ignore',   kill: 'ignore',  exit: 'ignore' },
}

const peaceful: ReadonlySet<string> = new Set<RetireReason>(['max_jobs', 'self_stop', 'leave'])
const takingJobs: ReadonlySet<WorkerState> = new Set(['spawning', 'idle', 'busy'])

/** Returns true for an end that says nothing against a worker's code. */
export function isPeaceful(why: RetireReason | KillReason | undefined): boolean {
  return why !== undefined && peaceful.has(why)
}

/** Returns true while a worker runs jobs or will. */
export function takesJobs(state: WorkerState): boolean {
  return takingJobs.has(state)
}
